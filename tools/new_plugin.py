"""The same as ``ssdkd new-plugin``."""

from ssdkd.commands.main import tool

main = tool('new-plugin')

if __name__ == '__main__':
    main()

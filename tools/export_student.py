"""The same as ``ssdkd export``."""

from ssdkd.commands.main import tool

main = tool('export')

if __name__ == '__main__':
    main()

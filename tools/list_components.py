"""The same as ``ssdkd list``."""

from ssdkd.commands.main import tool

main = tool('list')

if __name__ == '__main__':
    main()

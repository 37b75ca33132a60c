"""The same as ``ssdkd list components``."""

from ssdkd.commands.main import tool

main = tool('list', 'components')

if __name__ == '__main__':
    main()

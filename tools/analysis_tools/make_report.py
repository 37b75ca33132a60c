"""The same as ``ssdkd report``."""

from ssdkd.commands.main import tool

main = tool('report')

if __name__ == '__main__':
    main()

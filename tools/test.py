"""The same as ``ssdkd test``."""

from ssdkd.commands.main import tool

main = tool('test')

if __name__ == '__main__':
    main()

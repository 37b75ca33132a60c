"""The same as ``ssdkd benchmark``."""

from ssdkd.commands.main import tool

main = tool('benchmark')

if __name__ == '__main__':
    main()

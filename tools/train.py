"""The same as ``ssdkd train``."""

from ssdkd.commands.main import tool

main = tool('train')

if __name__ == '__main__':
    main()

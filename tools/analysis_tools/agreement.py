"""The same as ``ssdkd agreement``."""

from ssdkd.commands.main import tool

main = tool('agreement')

if __name__ == '__main__':
    main()

"""The same as ``ssdkd convert camvid``."""

from ssdkd.commands.main import tool

main = tool('convert', 'camvid')

if __name__ == '__main__':
    main()

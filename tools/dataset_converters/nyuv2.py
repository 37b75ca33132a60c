"""The same as ``ssdkd convert nyuv2``."""

from ssdkd.commands.main import tool

main = tool('convert', 'nyuv2')

if __name__ == '__main__':
    main()

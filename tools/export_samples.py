"""The same as ``ssdkd export-samples``."""

from ssdkd.commands.main import tool

main = tool('export-samples')

if __name__ == '__main__':
    main()

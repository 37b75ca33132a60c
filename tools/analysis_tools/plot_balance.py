"""The same as ``ssdkd plot-balance``."""

from ssdkd.commands.main import tool

main = tool('plot-balance')

if __name__ == '__main__':
    main()

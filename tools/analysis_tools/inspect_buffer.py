"""The same as ``ssdkd inspect-buffer``."""

from ssdkd.commands.main import tool

main = tool('inspect-buffer')

if __name__ == '__main__':
    main()

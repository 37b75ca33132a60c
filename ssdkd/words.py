"""Numbers in words: counts with their noun, times and sizes with a unit that suits them."""


def count(number: int, noun: str) -> str:
    """``'1 round'``, ``'2 rounds'``; the plural of the noun takes an s or es."""
    plural = noun + ('es' if noun.endswith(('s', 'sh', 'ch', 'x')) else 's')
    return f'{number:,} {noun if number == 1 else plural}'


def duration(seconds: float) -> str:
    """A time in seconds below 2 minutes, in minutes below 2 hours, otherwise in hours."""
    if seconds < 9.95:
        return f'{seconds:.1f} s'
    if seconds < 119.5:
        return f'{seconds:.0f} s'
    if seconds < 7170:
        return f'{seconds / 60:.0f} min'
    return f'{seconds / 3600:.1f} h'


def byte_size(n_bytes: float) -> str:
    """A number of bytes in KiB, MiB or GiB, whichever makes it at least 1."""
    for unit, scale in (('GiB', 2**30), ('MiB', 2**20)):
        if n_bytes >= scale:
            return f'{n_bytes / scale:.3g} {unit}'
    return f'{n_bytes / 2**10:.3g} KiB'

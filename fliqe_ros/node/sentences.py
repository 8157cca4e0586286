"""Errors as the one line a log or a diagnostics message has room for."""

_LONGEST = 400


def one_line(error: BaseException) -> str:
    """Return what an error says, on one line; its type where it says nothing."""
    sentence = ' '.join(str(error).split()) or type(error).__name__
    return sentence if len(sentence) <= _LONGEST else sentence[:_LONGEST - 1] + '…'

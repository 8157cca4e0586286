"""FFF files, FLIR's container of radiometric frames, that hold counts and nothing else."""

import struct

INDEX, RECORD = 64, 64 + 32  # where in the file


def plain_record(counts):
    """Return a record of uncompressed counts, (H, W) uint16: their size, then the counts."""
    height, width = counts.shape
    return struct.pack('<HHH', 2, width, height).ljust(32, b'\0') + counts.astype('<u2').tobytes()


def fff(record, order='>'):
    """Return a file with one record; the order of bytes is that of the header and the index."""
    header = b'FFF\0'.ljust(20, b'\0') + struct.pack(f'{order}III', 100, INDEX, 1)
    entry = struct.pack(f'{order}H10xII12x', 1, RECORD, len(record))
    return header.ljust(INDEX, b'\0') + entry + record


def plain_fff(counts, order='>'):
    """Return a file with one record of uncompressed counts, (H, W) uint16."""
    return fff(plain_record(counts), order)

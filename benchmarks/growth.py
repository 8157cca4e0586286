"""Tables and plots of docs/performance.md from the results that the other scripts wrote."""

import argparse
import json
from pathlib import Path
import re
from statistics import median
import sys

import matplotlib
from records import RESULTS, WHOLE

PAGE = RESULTS.parents[1] / 'docs' / 'performance.md'
FIGURES = (('latency_p99_ms', 'latency p99 (ms)'), ('frames_per_s', 'frames scored per second'),
           ('cpu_cores', 'CPU cores in use'), ('memory_mb', 'resident memory (MB)'))


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument('--results', type=Path, default=RESULTS, help='folder to read')
    arguments.add_argument('--page', type=Path, default=PAGE,
                           help='page to fill in; the plots go beside it')
    arguments.add_argument('--quick', action='store_true', help='plots of low resolution')
    return arguments


def table(rows: list, columns: dict) -> str:
    """Return a Markdown table; ``columns`` are headings and, of a row, what stands below."""
    lines = ['| ' + ' | '.join(columns) + ' |', '|' + '---|' * len(columns)]
    for row in rows:
        lines.append('| ' + ' | '.join(_text(get(row)) for get in columns.values()) + ' |')
    return '\n'.join(lines)


def _text(value) -> str:
    if value is None:
        return '–'
    return f'{value:.3g}' if isinstance(value, float) and value < 100 else (
        f'{value:.0f}' if isinstance(value, float) else str(value))


def _source(record: dict) -> str:
    machine, packages = record['machine'], record['machine']['packages']
    found = ', '.join(f'{name} {version}' for name, version in packages.items())
    return (f'{record["date"][:10]}, commit `{record["commit"]}`, {machine["cpu"]}, '
            f'{machine["cores"]} cores, {machine["memory_gb"]} GB, Python {machine["python"]}, '
            f'{found}. Settings: '
            + ', '.join(f'{name} {value}' for name, value in record['settings'].items()) + '.')


def library_section(record: dict) -> str:
    """Return the tables of ``library.json``."""
    key = ('option', 'width', 'height', 'batch')
    faster = {tuple(row[name] for name in key): row for row in record['against_reference']}
    rows = [{**row, **faster[tuple(row[name] for name in key)]} for row in record['times']]
    return '\n\n'.join([
        _source(record),
        table(rows, {
            'Option': lambda r: r['option'], 'Frame': lambda r: f'{r["width"]}×{r["height"]}',
            'Batch': lambda r: r['batch'], 'ms per frame': lambda r: r['median_ms'],
            'lowest to highest': lambda r: f'{r["lowest_ms"]:.3g} – {r["highest_ms"]:.3g}',
            'CPU ms': lambda r: r['cpu_ms'], 'frames/s': lambda r: r['frames_per_s'],
            '× reference': lambda r: f'{r["times_faster"]:.3g} '
                                     f'({r["lowest"]:.3g} – {r["highest"]:.3g})'}),
        *_bare_section(record),
        'Start-up:', table(record['start_up'], {
            'Option': lambda r: r['option'], 'import and load (s)':
            lambda r: r['import_and_load_s'], 'first frame (ms)': lambda r: r['first_frame_ms'],
            'peak memory (MB)': lambda r: r['peak_memory_mb']}),
        'The least time that a frame can take, by the operations of each network and the speed '
        "of this machine's fastest matrix product in float32:",
        table(record['roofline'], {
            'Network': lambda r: r['architecture'],
            'Frame': lambda r: f'{r["width"]}×{r["height"]}', 'GFLOP': lambda r: r['gflop'],
            'peak (GFLOP/s)': lambda r: r['peak_gflops'],
            'least time (ms)': lambda r: r['least_ms']}),
        'Where the time of one mono16 frame goes (default model, default threads):',
        table(record['stages'], {
            'Stage': lambda r: r['stage'], 'ms': lambda r: r['median_ms'],
            'share': lambda r: f'{r["share"]:.1%}'})])


def _bare_section(record: dict) -> list:
    if 'against_bare' not in record:  # of a result from before it was measured
        return []
    return [
        'How long `resnet50` takes, preparation included, in times of what ONNX Runtime takes for '
        'the bare network:',
        table(record['against_bare'], {
            'Frame': lambda r: f'{r["width"]}×{r["height"]}', 'Batch': lambda r: r['batch'],
            '× bare network': lambda r: f'{r["times_as_long"]:.3f} '
                                        f'({r["lowest"]:.3f} – {r["highest"]:.3f})'})]


def parts_section(record: dict) -> str:
    """Return the tables of ``parts.json``: of each size of frame, then against the reference."""
    peak = record['peak_gflops']
    rows = [{**row, 'ms': median(row['ms']), 'size': f'{row["width"]}×{row["height"]}'}
            for row in record['parts']]
    wholes = {row['size']: row for row in rows if row['part'] == WHOLE}
    references = [{'size': f'{row["width"]}×{row["height"]}', 'ms': median(row['ms'])}
                  for row in record['reference']]
    return '\n\n'.join([
        _source(record),
        table(rows, {
            'Frame': lambda r: r['size'], 'Part': lambda r: r['part'], 'ms': lambda r: r['ms'],
            'share': lambda r: f'{r["ms"] / wholes[r["size"]]["ms"]:.0%}',
            'GFLOP': lambda r: r['gflop'],
            'share of the peak': lambda r: f'{1e3 * r["gflop"] / r["ms"] / peak:.0%}'}),
        'The reference beside it, on one thread as well, and how many times faster a network of '
        f'that arithmetic would be if all of it ran at the peak ({peak:.0f} GFLOP/s):',
        table(references, {
            'Frame': lambda r: r['size'], 'reference (ms)': lambda r: r['ms'],
            'thermal_s (ms)': lambda r: wholes[r['size']]['ms'],
            '× reference': lambda r: r['ms'] / wholes[r['size']]['ms'],
            'at the peak': lambda r: r['ms'] * peak / 1e3 / wholes[r['size']]['gflop']})])


def at_middle_rate(rows: list) -> list:
    """Return the rows of the middle rate: a page that shows them all is read by nobody."""
    rates = sorted({row['rate_hz'] for row in rows})
    return [row for row in rows if row['rate_hz'] == rates[len(rates) // 2]]


def node_section(record: dict) -> str:
    """Return the tables of ``node.json``."""
    where = ('width', 'height', 'rate_hz')
    network = {tuple(row[name] for name in where): row['cpu_ms_per_frame']
               for row in record.get('bare_network', ())}  # not in results from before
    beside = {'× bare network': lambda r: r['cpu_ms_per_frame'] / network[
        tuple(r[name] for name in where)]} if network else {}
    return '\n\n'.join([
        _source(record),
        table(at_middle_rate(record['node']), {
            'Cameras': lambda r: r['cameras'], 'nodes': lambda r: r['nodes'],
            'Frame': lambda r: f'{r["width"]}×{r["height"]} {r["encoding"]}',
            'Hz': lambda r: r['rate_hz'], 'p50 (ms)': lambda r: r['latency_p50_ms'],
            'p95': lambda r: r['latency_p95_ms'], 'p99': lambda r: r['latency_p99_ms'],
            'max': lambda r: r['latency_max_ms'], 'scored': lambda r: f'{r["share_scored"]:.1%}',
            'least/most': lambda r: r['least_to_most'],
            'CPU ms/frame': lambda r: r['cpu_ms_per_frame'], **beside,
            'MB at start, after': lambda r: f'{r["memory_at_start_mb"]:.0f}, '
                                            f'{r["memory_mb"]:.0f}',
            'highest Hz': lambda r: r['highest_rate_hz']}),
        'Flood of one node:', table([record['soak']], {
            'Cameras': lambda r: r['cameras'], 'Hz': lambda r: r['rate_hz'],
            's': lambda r: r['seconds'], 'scored': lambda r: f'{r["share_scored"]:.1%}',
            'least/most': lambda r: r['least_to_most'], 'p99 (ms)': lambda r: r['latency_p99_ms'],
            'p99 in batches': _latency_in_batches,
            'MB after 10 s, at the end': lambda r: f'{r["memory_early_mb"]:.1f}, '
                                                   f'{r["memory_mb"]:.1f}'})])


def _latency_in_batches(flood: dict) -> float:
    """Return the 99th percentile over the time of a batch: when flooded, all are full."""
    frames_per_s = flood['cameras'] * flood['rate_hz'] * flood['share_scored']
    batches_per_s = frames_per_s / flood['frames_in_batch']
    return flood['latency_p99_ms'] * batches_per_s / 1e3


def gpu_section(record: dict) -> str:
    """Return the tables of ``gpu.json``; of the batches those of 1, 8 and 32."""
    shown = [row for row in record['models'] if row['batch'] in (1, 8, 32)]
    return '\n\n'.join([_source(record), table(shown, {
        'Model': lambda r: r['architecture'], 'Precision': lambda r: r['precision'],
        'Batch': lambda r: r['batch'], 'end to end (ms)': lambda r: r['end_to_end_ms'],
        'bare forward pass': lambda r: r['forward_ms'], 'as a graph': lambda r: r['graph_ms'],
        'copy': lambda r: r['copy_ms'], '× bare pass, × graph': lambda r:
        f'{r["forward_ms"] / r["end_to_end_ms"]:.2f}, {r["graph_ms"] / r["end_to_end_ms"]:.2f}',
        'frames/s': lambda r: 1e3 * r['batch'] / r['end_to_end_ms'],
        'score differs by': lambda r: f'{r["score_difference"]:.2g}'}),
        "The node's loop without DDS, 640×512 mono16, from image messages to smoothed scores:",
        table(record['loop'], {
            'Cameras': lambda r: r['cameras'], 'Hz': lambda r: r['rate_hz'],
            'p50 (ms)': lambda r: r['p50_ms'], 'p95': lambda r: r['p95_ms'],
            'p99': lambda r: r['p99_ms'], 'max': lambda r: r['max_ms'],
            'highest Hz': lambda r: r['highest_rate_hz'],
            'GPU memory (MB)': lambda r: r['gpu_memory_mb']})])


def plot(rows: list, picture: Path, dpi: int) -> None:
    """Draw latency, throughput, CPU and memory against the number of cameras."""
    matplotlib.use('Agg')
    from matplotlib import pyplot
    rows = at_middle_rate(rows)
    figure, axes = pyplot.subplots(2, 2, figsize=(10, 7))
    for axis, (key, label) in zip(axes.flat, FIGURES):
        for title, line in _lines(rows).items():
            axis.plot([*line], [_value(row, key) for row in line.values()],
                      '--' if 'each' in title else '-', marker='o', label=title)
        axis.set(xlabel='cameras', ylabel=label, ylim=(0, None))
    axes[0, 0].legend(fontsize='x-small')
    figure.suptitle(f'cameras at {rows[0]["rate_hz"]:g} Hz')
    figure.tight_layout()
    figure.savefig(picture, dpi=dpi)
    pyplot.close(figure)


def _lines(rows: list) -> dict:
    """Return rows by title and number of cameras; one camera begins the lines of both kinds."""
    lines = {}
    for row in rows:
        kinds = [kind for kind, nodes in (('one node', 1), ('a node for each', row['cameras']))
                 if row['nodes'] == nodes]
        for kind in kinds:
            title = f'{row["width"]}×{row["height"]} {row["encoding"]}, {kind}'
            lines.setdefault(title, {})[row['cameras']] = row
    return lines


def _value(row: dict, key: str):
    frames_per_s = row['cameras'] * row['rate_hz'] * row['share_scored']
    if key == 'frames_per_s':
        return frames_per_s
    if key == 'cpu_cores':
        return (row['cpu_ms_per_frame'] or 0) * frames_per_s / 1e3
    return row[key]


def fill_in(page: str, name: str, text: str) -> str:
    """Return the page with the text between the markers of this name."""
    begin, end = f'<!-- {name} -->', f'<!-- end of {name} -->'
    pattern = f'{re.escape(begin)}.*?{re.escape(end)}'
    if not re.search(pattern, page, re.DOTALL):
        raise ValueError(f'the page has no markers {begin} … {end}')
    return re.sub(pattern, lambda _: f'{begin}\n{text}\n{end}', page, flags=re.DOTALL)


def main(argv=None) -> int:
    """Fill in the page with what results there are."""
    options = parser().parse_args(argv)
    page = options.page.read_text()
    for name, section in (
            ('library', library_section), ('parts', parts_section), ('node', node_section),
            ('gpu', gpu_section)):
        file = options.results / f'{name}.json'
        if not file.is_file():
            print(f'growth: no {file}')
            continue
        record = json.loads(file.read_text())
        text = section(record)
        if name == 'node':
            picture = options.page.with_name('performance.png')
            plot(record['node'], picture, 40 if options.quick else 110)
            text += f'\n\n![growth with the number of cameras]({picture.name})'
        page = fill_in(page, name, text)
    options.page.write_text(page)
    print(f'wrote {options.page}')
    return 0


if __name__ == '__main__':
    sys.exit(main())

"""Medians over the rounds, as a table for people; ratios always against the first column of the same run."""

import statistics

# Heading, then (metric, title) in order; "ROLES" stands for every role/… metric under the same prefix.
LIGHT_ROWS = [
    ("per_second", "ls-remotes per second"),
    ("p50_ms", "latency p50, ms"),
    ("p99_ms", "latency p99, ms"),
    ("failed", "failed"),
    ("cpu_ms", "server CPU per ls-remote, ms"),
    ("beyond_git_ms", "  beyond git, ms"),
    ("ROLES", ""),
    ("client_cpu_ms", "(the client's own CPU, ms)"),
]
REAL_ROWS = [
    ("wall_p50_ms", "wall p50, ms"),
    ("wall_min_ms", "wall min, ms"),
    ("cpu_ms", "server CPU per ls-remote, ms"),
    ("git_alone/cpu_ms", "  git alone over a pipe, ms"),
    ("beyond_git_ms", "  beyond git, ms"),
    ("ROLES", ""),
]
BULK_ROWS = [("beyond_git_s", "beyond git, CPU s/GB"), ("ROLES", ""), ("mb_per_s", "MB/s")]
IDLE_ROWS = [
    ("sessions", "sessions held"),
    ("failed", "failed"),
    ("pss_kb", "PSS per session, KB"),
    ("ROLES", ""),
    ("processes", "processes per session"),
]
HOP_ROWS = [("first_byte_p50_ms", "first byte p50, ms"), ("first_byte_min_ms", "first byte min, ms")]
ALONE_ROWS = [("cpu_ms", "CPU per session, ms")]
STOCK_ROWS = [("done", "served"), ("failed", "refused or reset")]

# Counts are added up over the rounds; of everything else the median is told.
SUMMED = ("/done", "/failed")


def summarize(rounds):
    """[{metric: number}] of one system -> {metric: median, or sum for counts}."""
    metrics = dict.fromkeys(metric for round_ in rounds for metric in round_)
    return {metric: _fold(metric, [round_[metric] for round_ in rounds if metric in round_])
            for metric in metrics}


def _fold(metric, values):
    counts = metric.endswith(SUMMED) or "/failed/" in metric
    return sum(values) if counts else statistics.median(values)


def table(titles, summaries):
    """titles: {system: heading}; summaries: {system: summarize(…)}; the first system is the yardstick."""
    systems = list(titles)
    lines = [_line("", [titles[system] for system in systems] + _ratio_headings(systems))]
    for heading, prefix, rows in _sections(summaries):
        lines += ["", heading]
        for metric, title in _expand(prefix, rows, summaries):
            values = [summaries[system].get(metric) for system in systems]
            lines.append(_line("  " + title, [_number(value) for value in values] + _ratios(values)))
    return "\n".join(line.rstrip() for line in lines)


def _sections(summaries):
    known = dict.fromkeys(metric for summary in summaries.values() for metric in summary)
    sections = [("git upload-pack alone over a pipe, said like the light client", "light/git_alone/", ALONE_ROWS)]
    for in_flight in sorted({int(m.split("/")[1]) for m in known if m.startswith("light/") and "alone" not in m}):
        sections.append((f"Light client, {in_flight} in flight", f"light/{in_flight}/", LIGHT_ROWS))
    for metric in known:
        if metric.startswith("stock/") and metric.endswith("/done"):
            prefix = metric.removesuffix("done")
            sections.append((f"Light client, {prefix.split('/')[1]} in flight, default limits", prefix, STOCK_ROWS))
    sections.append(("git ls-remote, one after the other", "real/", REAL_ROWS))
    for prefix in dict.fromkeys(m.rsplit("/", 1)[0] + "/" for m in known if m.endswith("/mb_per_s")):
        direction, cipher = prefix.split("/")[:2]
        sections.append((f"{direction.capitalize()}, {cipher}", prefix, BULK_ROWS))
    sections.append(("ls-remote, to its first byte: by git://, or by ssh", "hop/", HOP_ROWS))
    sections.append(("Idle sessions", "idle/", IDLE_ROWS))
    return [section for section in sections if any(metric.startswith(section[1]) for metric in known)]


def _expand(prefix, rows, summaries):
    """(metric, title) for each row that some system has a value of."""
    known = dict.fromkeys(metric for summary in summaries.values() for metric in summary)
    for key, title in rows:
        if key != "ROLES":
            if prefix + key in known:
                yield prefix + key, title
            continue
        for metric in known:
            if metric.startswith(prefix + "role/"):
                yield metric, "    " + _role_title(metric.rsplit("/", 1)[1])


def _role_title(name):
    role, unit = name.rsplit("_", 1)
    title = {"passing": "processes that come and go", "unseen": "unseen by the sampler"}.get(role, role)
    return f"{title}, {unit.replace('kb', 'KB')}"


def _ratio_headings(systems):
    return [f"/ {systems[0]}" if len(systems) == 2 else f"{system} / {systems[0]}" for system in systems[1:]]


def _ratios(values):
    first = values[0]
    return [f"{value / first:.2f}" if value is not None and first else "" for value in values[1:]]


def _number(value):
    if value is None:
        return "-"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _line(title, cells):
    return f"{title:<44}" + "".join(f"{cell:>19}" for cell in cells)

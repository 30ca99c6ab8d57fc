"""`/metrics` for Prometheus: the node's measurements, and what the operating system says of the process."""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from penstock.api.http import Request, Response
from penstock.runtime.telemetry.catalogue import METRICS, Kind, Measured, Metric
from penstock.runtime.telemetry.counters import Histogram


async def metrics(request: Request) -> Response:
    """The text format 0.0.4, or OpenMetrics for those who ask for it."""
    accepted = request.headers.get(b"accept", b"").decode("latin-1")
    encode, type = choose_encoder(accepted)
    return Response(200, encode(registry(await request.engine.measure())), type)


def registry(measured: Sequence[Measured]) -> CollectorRegistry:
    """A registry that holds one measurement."""
    found = CollectorRegistry(auto_describe=False)
    found.register(_Taken(measured))
    ProcessCollector(registry=found)
    return found


class _Taken(Collector):
    """What was measured, in the order of the catalogue."""

    def __init__(self, measured: Sequence[Measured]) -> None:
        self._by_name = {item.metric.name: item for item in measured}

    def collect(self) -> Iterable[Family]:
        return self._families()

    def _families(self) -> Iterator[Family]:
        for metric in METRICS:
            item = self._by_name.get(metric.name)
            if item is not None:
                yield _family(metric, item)


def _family(metric: Metric, item: Measured) -> Family:
    if metric.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, value in item.values.items():
            assert isinstance(value, Histogram)
            histogram.add_metric(labels, _buckets(value), value.total)
        return histogram
    make = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = make(metric.name, metric.help, labels=metric.labels)
    for labels, value in item.values.items():
        assert not isinstance(value, Histogram)
        family.add_metric(labels, value)
    return family


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """(upper bound, how many values up to it), as Prometheus wants them."""
    total = 0
    found = []
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        total += count
        found.append(("+Inf" if bound == float("inf") else f"{bound:g}", float(total)))
    return found

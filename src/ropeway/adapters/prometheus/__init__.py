"""Metrics from a Prometheus server."""

from ropeway.adapters.prometheus.metrics import PrometheusMetrics

__all__ = ["PrometheusMetrics"]

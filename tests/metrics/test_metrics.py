"""The text as others read it: the parser of Prometheus' own Python client, and promtool."""

import prometheus_client
from conftest import promtool
from identity_center import SESSION
from prometheus_client.openmetrics.parser import text_string_to_metric_families


def families(text):
    return {family.name: family for family in text_string_to_metric_families(text)}


def value(family, **labels):
    values = [sample.value for sample in family.samples if sample.labels == labels]
    assert len(values) == 1, (labels, family)
    return values[0]


def test_an_independent_parser_reads_what_happened(watched):
    told = families(watched.metrics())
    exchanges = told["sso_refresh_exchanges"]
    assert exchanges.type == "counter"
    assert value(exchanges, session=SESSION, result="refreshed") == 2
    assert value(exchanges, session=SESSION, result="failed") == 1
    assert value(told["sso_refresh_exchange_errors"], session=SESSION, reason="server_error") == 1
    assert value(told["sso_refresh_session_state"], session=SESSION, state="fresh") == 1
    assert 3000 < value(told["sso_refresh_token_left_seconds"], session=SESSION) <= 3600
    ends = value(told["sso_refresh_session_end_timestamp_seconds"], session=SESSION)
    assert 7.9 * 3600 < ends - value(told["process_start_time_seconds"]) < 8.1 * 3600
    assert told["sso_refresh_exchange_lateness_seconds"].type == "histogram"
    assert told["sso_refresh_build"].type == "info"


def test_each_metric_says_what_it_is_and_in_which_unit(watched):
    for name, family in families(watched.metrics()).items():
        assert family.documentation and family.type != "unknown", name
        assert name.startswith("sso_refresh_") or name == "process_start_time_seconds", name
        assert family.unit == ("seconds" if name.endswith("_seconds") else ""), name
        assert {label for sample in family.samples for label in sample.labels} <= {
            *("session", "state", "result", "reason", "route", "listener", "status", "cause", "version", "le")
        }, name


def test_promtool_finds_nothing_to_say_of_the_names(watched):
    class Told(prometheus_client.registry.Collector):
        def collect(self):
            return families(watched.metrics()).values()

    # It reads the older format alone.
    registry = prometheus_client.CollectorRegistry()
    registry.register(Told())
    said = promtool("check", "metrics", input=prometheus_client.generate_latest(registry).decode())
    assert said == "", said


def test_the_endpoint_tells_nobody_without_its_token(watched):
    refused = watched.over_tcp("/metrics")
    assert refused.status == 401 and "sso_refresh_" not in refused.text
    token = watched.token()
    answer = watched.over_tcp("/metrics", Authorization=f"Bearer {token}")
    assert answer.status == 200 and answer.text.endswith("# EOF\n"), answer.text
    assert answer.content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert token not in answer.text
    # What Prometheus has is no key to anything else.
    for target in ("/token", "/v1/credentials/dev"):
        assert watched.over_tcp(target, Authorization=f"Bearer {token}").status == 403

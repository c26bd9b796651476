"""A Prometheus that scrapes as the README says, with the alerts and the dashboard before it."""

import json
import pathlib
import re
import socket
import subprocess
import urllib.parse
import urllib.request

import pytest
import yaml
from conftest import DASHBOARD, PROMETHEUS, ROOT, RULES, promtool
from identity_center import SESSION
from waiting import PATIENCE, wait_for

HERE = pathlib.Path(__file__).parent
NAME = re.compile(r"\b(?:sso_refresh|process)_[a-z_]+")


def free_port():
    with socket.socket() as there:
        there.bind(("127.0.0.1", 0))
        return there.getsockname()[1]


def scrape_config(watched):
    """The one of the README, for this daemon."""
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (text,) = [block for block in blocks if "scrape_configs" in block]
    config = yaml.safe_load(text)
    (job,) = config["scrape_configs"]
    assert config["rule_files"] and "endpoint-token" in job["authorization"]["credentials_file"]
    job["authorization"]["credentials_file"] = str(watched.token_file)
    job["static_configs"][0]["targets"] = [watched.address]
    config["rule_files"] = [str(RULES)]
    return config | {"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}}


class Prometheus:
    def __init__(self, url):
        self.url = url
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(self, path, **query):
        with self.opener.open(f"{self.url}{path}?{urllib.parse.urlencode(query)}", timeout=PATIENCE) as answer:
            return json.load(answer)["data"]

    def query(self, expression):
        return self.get("/api/v1/query", query=expression)["result"]

    def is_up(self):
        try:
            return self.query("up == 1")
        except OSError:
            return None


@pytest.fixture(scope="module")
def prometheus(watched, tmp_path_factory):
    folder = tmp_path_factory.mktemp("prometheus")
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(scrape_config(watched)))
    promtool("check", "config", config)
    address = f"127.0.0.1:{free_port()}"
    command = [PROMETHEUS / "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data"]
    with open(folder / "log", "w") as log:
        process = subprocess.Popen([*command, f"--web.listen-address={address}"], stdout=log, stderr=log)
    try:
        prometheus = Prometheus(f"http://{address}")
        wait_for("a scrape", lambda: process.poll() is not None or prometheus.is_up())
        assert process.poll() is None, (folder / "log").read_text()
        # What grows is seen to grow.
        watched.fail_once()
        growing = f'increase(sso_refresh_exchanges_total{{session="{SESSION}",result="failed"}}[5m]) > 0'
        wait_for("what grows", lambda: prometheus.query(growing))
        yield prometheus
    finally:
        process.kill()
        process.wait()


def expressions(dashboard):
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            text = re.sub(r"\$__(rate_interval|range)", "5m", target["expr"]).replace("$session", ".*")
            assert "$" not in text, text
            yield panel["title"], text


def test_it_reads_what_the_readme_has_it_scrape(watched, prometheus):
    (left,) = prometheus.query("sso_refresh_token_left_seconds")
    assert left["metric"] == {
        "__name__": "sso_refresh_token_left_seconds",
        "instance": watched.address,
        "job": "sso-refresh",
        "session": SESSION,
    }
    assert 3000 < float(left["value"][1]) <= 3600
    (target,) = prometheus.get("/api/v1/targets")["activeTargets"]
    assert target["health"] == "up" and target["lastError"] == ""


def test_the_alerts_can_be_evaluated_and_none_fires_for_a_daemon_that_is_well(prometheus):
    def evaluated():
        (group,) = prometheus.get("/api/v1/rules")["groups"]
        return all(rule["health"] == "ok" for rule in group["rules"]) and group["rules"]

    rules = wait_for("an evaluation of each rule", evaluated)
    assert {rule["name"] for rule in rules if rule["state"] == "firing"} == set()


def test_each_alert_is_seen_silent_and_firing():
    promtool("check", "rules", RULES)
    promtool("test", "rules", HERE / "rules_test.yml")
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    cases = [
        case
        for test in yaml.safe_load((HERE / "rules_test.yml").read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    for rule in rules:
        fires = {bool(case.get("exp_alerts")) for case in cases if case["alertname"] == rule["alert"]}
        assert fires == {False, True}, rule["alert"]
        # Somebody who is woken by it knows what to run.
        assert rule["annotations"]["summary"] and re.search("`(sso-refresh|timedatectl) ", rule["annotations"]["description"])


def test_each_panel_of_the_dashboard_shows_something(dashboard, prometheus):
    asked = list(expressions(dashboard))
    assert len(asked) > 10
    for title, expression in asked:
        assert prometheus.query(expression), (title, expression)


def test_nothing_is_asked_for_that_is_not_told(watched, dashboard, prometheus):
    told = set(prometheus.get("/api/v1/label/__name__/values"))
    rules = [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    variables = [variable["definition"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    used = {name for text in [*rules, *variables, *(text for _, text in expressions(dashboard))] for name in NAME.findall(text)}
    assert len(used) > 10 and used <= told, used - told


def test_the_dashboard_works_with_any_data_source(dashboard):
    assert dashboard["schemaVersion"] >= 39 and dashboard["uid"] == DASHBOARD.stem
    (source,) = [it for it in dashboard["templating"]["list"] if it["type"] == "datasource"]
    places = dashboard["panels"] + [target for panel in dashboard["panels"] for target in panel["targets"]]
    for place in places:
        assert place["datasource"] == {"type": "prometheus", "uid": f"${{{source['name']}}}"}, place
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    # No panel covers another, in the 24 columns that there are.
    taken = set()
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken and at["x"] + at["w"] <= 24, panel["title"]
        taken |= cells

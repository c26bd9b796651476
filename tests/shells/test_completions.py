"""What a press of the tab key makes of a command line, in each shell."""

import pytest

from conftest import PROFILES


def test_words_are_completed_and_quoted(shell):
    for typed, expected in [
        ("sso-refresh logi\t w\t", "<login><work>"),
        ("sso-refresh login my\t", "<login><my sso>"),
        ("sso-refresh login 'my\t", "<login><my sso>"),
        ('sso-refresh login "my\t', "<login><my sso>"),
        ("sso-refresh login my\\ \t", "<login><my sso>"),
        ("sso-refresh login it\t", "<login><it's>"),
        ("sso-refresh login x\t", "<login><x:y>"),
        ("sso-refresh login x:\t", "<login><x:y>"),
        ("sso-refresh login sa\t", '<login><say "hi">'),
        ("sso-refresh login \\$\t", "<login><$HOME>"),
        ("sso-refresh login '$\t", "<login><$HOME>"),
        ("sso-refresh login back\t", "<login><back`tick>"),
        ("sso-refresh login ta\t", "<login><tail;&|>"),
        ("sso-refresh events work my\t", "<events><work><my sso>"),
        ("sso-refresh exec --profile de\t", "<exec><--profile><dev>"),
        ("sso-refresh exec --profile=de\t", "<exec><--profile=dev>"),
        ("sso-refresh exec --profile=tw\t", "<exec><--profile=two words>"),
        ("sso-refresh credentials --profile a\t", "<credentials><--profile><aws/prod>"),
        ("sso-refresh credentials --profile p:o\t", "<credentials><--profile><p:one>"),
        ("sso-refresh credentials --account 012345678900 --ro\t Re\t", "<credentials><--account><012345678900><--role><Reader>"),
        ("sso-refresh token --min\t 5m", "<token><--min-validity><5m>"),
        ("sso-refresh service log\t --fol\t", "<service><logs><--follow>"),
        ("sso-refresh login --config ~/other.toml o\t", f"<login><--config><{shell.home}/other.toml><other>"),
        ("sso-refresh login --config ~/oth\t", f"<login><--config><{shell.home}/other.toml>"),
        ("sso-refresh exec --profile dev -- a-command-of\t", "<exec><--profile><dev><--><a-command-of-mine>"),
        ("sso-refresh login nobody-has-this\t", "<login><nobody-has-this>"),
    ]:
        assert shell.called(typed).rstrip() == expected, typed


def test_all_names_are_listed(shell):
    shell.shows("sso-refresh exec --profile \t\t", *(name.split()[0] for name in PROFILES))


def test_options_come_when_they_are_begun(shell):
    assert "--all" not in shell.shows("sso-refresh logout \t\t", "work", "tail")


def test_what_they_stand_for_is_shown_where_the_shell_can(shell):
    if "bash" in str(shell.terminal.command):
        pytest.skip("bash shows names alone")
    shell.shows("sso-refresh login \t\t", *(f"{number}.example/start" for number in range(4)))


def test_a_mistake_in_the_configuration_is_silent_and_nothing_is_written(shell, home):
    (home / ".config/sso-refresh/config.toml").write_text("what?\n")
    before = sorted(home.rglob("*sso*"))
    assert shell.called("sso-refresh login wo\t") == "<login><wo>"
    assert shell.called("sso-refresh login --ren\t") == "<login><--renew>"
    assert sorted(home.rglob("*sso*")) == before
    assert not list((home / "run").iterdir())

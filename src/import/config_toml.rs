//! `config.toml` with one session more: everything else in it stays as it is written, comments included.

use toml_edit::{DocumentMut, InlineTable, Item, Table};

use super::target::Target;

/// The text with what `target` has to add; `None` where its structure leaves no place for it.
pub(super) fn extended(text: &str, target: &Target) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let end = document.trailing().as_str()?.to_owned();
    let gap = match end.as_str() {
        _ if text.is_empty() => "",
        "" => "\n",
        end if end.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    let sessions = document.entry("session").or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let is_inline = !sessions.is_table();
    let sessions = sessions.as_table_like_mut()?;
    let is_new = !sessions.contains_key(&target.session);
    let session = sessions.entry(&target.session).or_insert_with(|| {
        if is_inline {
            Item::Value(InlineTable::new().into())
        } else {
            Item::Table(last(&format!("{end}{gap}")))
        }
    });
    let session = session.as_table_like_mut()?;
    for (key, value) in [("region", &target.region), ("start_url", &target.start_url)] {
        if let Some(value) = value {
            session.insert(key, toml_edit::value(value));
        }
    }
    if is_new && !is_inline {
        document.set_trailing("");
    }
    Some(document.to_string())
}

/// A table behind all others, and behind `before`.
fn last(before: &str) -> Table {
    let mut table = Table::new();
    table.set_position(Some(isize::MAX));
    table.decor_mut().set_prefix(before);
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str, session: &str, region: bool, start_url: bool) -> Option<String> {
        let target = Target {
            session: session.into(),
            region: region.then(|| "ca-central-1".into()),
            start_url: start_url.then(|| "https://x/start".into()),
        };
        extended(text, &target)
    }

    #[test]
    fn a_new_session_stands_at_the_end() {
        const NEW: &str = "\n[session.new]\nregion = \"ca-central-1\"\nstart_url = \"https://x/start\"\n";
        for before in [
            "",
            "# mine\n",
            "refresh_before   =  '25m' # why\n",
            "[session.work] # main\nregion = \"us-east-1\"\n\n# about the log\n[log]\nlevel = \"info\"\n# the end\n",
            "session.work.region = \"us-east-1\"\n",
            "[session]\n# all of them\n[session.work]\nregion = \"us-east-1\"\n",
            "[hooks]\nfailed = [\n  \"a\", # one\n]\n\n\n",
        ] {
            let after = with(before, "new", true, true).unwrap();
            let expected = format!("{before}{NEW}");
            assert_eq!(after, if before.is_empty() { NEW.trim_start() } else { &expected }, "{before:?}");
        }
        assert_eq!(
            with("# no end", "a b", true, false).unwrap(),
            "# no end\n\n[session.\"a b\"]\nregion = \"ca-central-1\"\n"
        );
    }

    #[test]
    fn a_session_that_is_there_gets_what_it_lacks() {
        for (before, after) in [
            (
                "[session.new] # a\nregion = \"x\" # b\n# c\n\n[log]\n# d\n",
                "[session.new] # a\nregion = \"x\" # b\nstart_url = \"https://x/start\"\n# c\n\n[log]\n# d\n",
            ),
            (
                "session = {new = {region = \"x\"}} # a\n",
                "session = {new = {region = \"x\", start_url = \"https://x/start\" }} # a\n",
            ),
            ("session = {}\n", "session = { new = { start_url = \"https://x/start\" } }\n"),
            (
                "session.new.region = \"x\"\n[log]\n",
                "session.new.region = \"x\"\nsession.new.start_url = \"https://x/start\"\n[log]\n",
            ),
        ] {
            assert_eq!(with(before, "new", false, true).unwrap(), after);
        }
    }

    #[test]
    fn what_can_not_be_extended_is_left_alone() {
        for text in ["session = 1", "session = []", "session.new = \"x\"", "not toml"] {
            assert_eq!(with(text, "new", true, true), None, "{text}");
        }
    }
}

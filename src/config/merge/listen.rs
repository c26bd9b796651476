//! `[listen]`: which address, and who gets what there.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use super::Merge;
use crate::config::{
    Error, ListenSettings, aws::Profile, explained::Explained, file::ListenTable, nearest::nearest,
    paths::expand,
};

/// Where the endpoint is, if nothing is said.
const ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

impl Merge<'_> {
    /// The endpoint; none where the table is not there. `known` are all profiles.
    pub(super) fn listen(&mut self, known: &[Profile]) -> Result<Option<ListenSettings>, Error> {
        let Some(table) = &self.file.listen else {
            self.explained.push(Explained::unset("listen.address"));
            return Ok(None);
        };
        let table = table.get_ref();
        let address = self.address(table)?;
        let profiles = self.handed_out(table, known);
        let token_file = self.token_file(table)?;
        Ok(Some(ListenSettings { address, profiles, token_file }))
    }

    /// The patterns of profiles. A name that none has is told, since it is a slip more often than not.
    fn handed_out(&mut self, table: &ListenTable, known: &[Profile]) -> Option<Vec<String>> {
        let origin = self.origin(table.profiles.as_ref());
        let profiles = table.profiles.as_ref().map(|profiles| profiles.get_ref().clone());
        let names = || known.iter().map(|profile| profile.name.as_str());
        for name in profiles.iter().flatten().filter(|pattern| !pattern.contains('*')) {
            if !names().any(|known| known == name) {
                let hint = nearest(name, names()).map(|meant| format!(", did you mean `{meant}`?"));
                let hint = hint.unwrap_or_default();
                self.warnings.push(format!("{origin}: no profile is called `{name}`{hint}"));
            }
        }
        let said = profiles.as_ref().map_or_else(|| "*".to_owned(), |profiles| profiles.join(", "));
        self.explained.push(Explained::new("listen.profiles", said, origin));
        profiles
    }

    fn token_file(&mut self, table: &ListenTable) -> Result<Option<PathBuf>, Error> {
        let Some(written) = &table.token_file else {
            self.explained.push(Explained::unset("listen.token_file"));
            return Ok(None);
        };
        let text = written.get_ref();
        if !text.starts_with('/') && !text.starts_with("~/") {
            return Err(self.error(written.span(), "`token_file` must be an absolute path"));
        }
        let path = expand(text.as_ref(), &self.paths.home);
        let origin = self.origin(Some(written));
        self.explained.push(Explained::new("listen.token_file", self.paths.show(&path), origin));
        Ok(Some(path))
    }

    fn address(&mut self, table: &ListenTable) -> Result<SocketAddr, Error> {
        let origin = self.origin(table.address.as_ref());
        let address = match &table.address {
            None => ADDRESS,
            Some(written) => {
                let text = written.get_ref();
                let local = text.strip_prefix("localhost:").map(|port| format!("{}:{port}", ADDRESS.ip()));
                match local.as_ref().unwrap_or(text).parse::<SocketAddr>() {
                    Ok(address) if address.ip().is_loopback() => address,
                    Ok(_) => {
                        let message = "`address` must be a loopback address: 127.0.0.1 or [::1]";
                        return Err(self.error(written.span(), message));
                    }
                    Err(_) => {
                        let message = "`address` must be an address with a port: \"127.0.0.1:8080\"";
                        return Err(self.error(written.span(), message));
                    }
                }
            }
        };
        self.explained.push(Explained::new("listen.address", address, origin));
        Ok(address)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{AWS, load_with};

    #[test]
    fn an_empty_table_is_enough() {
        assert_eq!(load_with("", AWS, &[]).unwrap().listen, None);
        for (config, address) in [
            ("[listen]", "127.0.0.1:8080"),
            ("[listen]\naddress = \"localhost:8080\"", "127.0.0.1:8080"),
            ("[listen]\naddress = \"[::1]:0\"", "[::1]:0"),
            ("[listen]\naddress = \"127.1.2.3:80\"", "127.1.2.3:80"),
        ] {
            let settings = load_with(config, AWS, &[]).unwrap();
            let listen = settings.listen.unwrap();
            assert_eq!((listen.address.to_string().as_str(), listen.profiles), (address, None));
            assert_eq!((listen.token_file, settings.warnings), (None, Vec::<String>::new()));
        }
    }

    #[test]
    fn what_is_said_is_taken_and_what_fits_nothing_is_told() {
        let config = "[listen]\nprofiles = [\"dev\", \"new-*\", \"legcy\"]\ntoken_file = \"~/token\"";
        let settings = load_with(config, AWS, &[]).unwrap();
        let listen = settings.listen.unwrap();
        assert_eq!(listen.profiles.unwrap(), ["dev", "new-*", "legcy"]);
        assert!(listen.token_file.unwrap().ends_with("token"));
        assert_eq!(
            settings.warnings,
            ["~/.config/sso-refresh/config.toml:2: no profile is called `legcy`, did you mean `legacy`?"]
        );
        let error = load_with("[listen]\ntoken_file = \"token\"", AWS, &[]).unwrap_err().to_string();
        assert!(error.ends_with("2:14: `token_file` must be an absolute path"), "{error}");
    }
}

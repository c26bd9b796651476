//! A wrong region: two regions behind a proxy, of which only one knows the start URL.

use std::{net::TcpListener, thread};

use rcgen::CertificateParams;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::authority::Authority;

/// A proxy that leads to the center of each region, with TLS of `authority` in between; its port.
fn proxy(authority: &Authority, regions: [(&'static str, &Center); 2]) -> u16 {
    let names: Vec<String> = regions
        .iter()
        .flat_map(|(region, _)| {
            [format!("oidc.{region}.amazonaws.com"), format!("portal.sso.{region}.amazonaws.com")]
        })
        .collect();
    let server = authority.server(&CertificateParams::new(names).unwrap());
    let ports = regions.map(|(region, center)| {
        let port: u16 = center.url().rsplit_once(':').unwrap().1.parse().unwrap();
        (region, port)
    });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let server = server.clone();
                tokio::spawn(async move {
                    let mut asked = Vec::new();
                    while !asked.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        asked.push(byte);
                    }
                    let asked = String::from_utf8(asked).unwrap();
                    let (_, port) = ports.iter().find(|(region, _)| asked.contains(region)).unwrap();
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                    let Ok(mut stream) = server.accept(stream).await else { return };
                    let mut beyond = tokio::net::TcpStream::connect(("127.0.0.1", *port)).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut beyond).await;
                });
            }
        });
    });
    port
}

/// What another region says: it knows neither the start URL nor the refresh tokens, and registers any client.
const ELSEWHERE: &str = "StartDeviceAuthorization:InvalidRequestException\nCreateToken:InvalidGrantException";

#[test]
fn the_line_names_the_key_and_its_place_and_with_the_right_region_the_command_works() {
    let (here, elsewhere) = (center(), center());
    let authority = Authority::new("A company");
    let proxy = proxy(&authority, [("us-east-1", &here), ("us-west-2", &elsewhere)]);
    let home = Home::new();
    home.write("ca.pem", authority.pem());
    home.write_config(&format!(
        "ca_bundle = \"{}\"\nproxy = \"http://127.0.0.1:{proxy}\"\n",
        home.path("ca.pem").display()
    ));
    let run = |line: &str| -> Ran {
        let mut command = shell(&home, line);
        command.env_remove("AWS_ENDPOINT_URL_SSO_OIDC").env_remove("AWS_ENDPOINT_URL_SSO");
        command.output().unwrap().into()
    };
    for faults in [ELSEWHERE, "CreateToken:InvalidGrantException", "*:InvalidRequestException"] {
        elsewhere.set_faults(faults);
        for line in ["token", "refresh", "accounts", "login"] {
            let line = format!("sso-refresh {line}");
            here.sign_in(&home, "work", Duration::ZERO);
            home.write_aws_config(&WORK.replace("us-east-1", "us-west-2"));
            let mut ran = run(&line);
            // A sign-in is what a refresh token seems to need that another region does not know.
            if ran.code == 3 {
                let said = last_line(&ran);
                assert_eq!(command(&said), "sso-refresh login work");
                ran = run("sso-refresh login work");
            }
            assert_ne!(ran.code, 0, "{line}: {ran:?}");
            let said = last_line(&ran);
            let remedy = "set `sso_region` of the session at ~/.aws/config:1 (in config.toml: `region`), which is us-west-2, to \
                          the region of your Identity Center";
            assert!(said.ends_with(remedy), "{line}: {said}");
            home.write_aws_config(WORK);
            let ran = run(&line);
            assert_eq!(ran.code, 0, "{line}: {ran:?}");
        }
    }
}

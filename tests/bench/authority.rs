//! [`Authority`]: a certificate authority of the run's own, as a company's proxy has one.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, pem::PemObject},
    },
};

pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let mut params = CertificateParams::new([])?;
        params.distinguished_name.push(DnType::CommonName, "Figures");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), pem })
    }

    /// Its certificate, for a `ca_bundle`.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A TLS server that is `localhost`.
    pub(crate) fn localhost(&self) -> anyhow::Result<TlsAcceptor> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(["localhost".to_owned()])?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes())?,
            )?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

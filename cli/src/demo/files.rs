//! What the demo writes: certificates, policies and presented chains, in a folder that goes away or is kept.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::mint::{Authority, Minted, Name, Until};

/// The folder; dropping it removes it, unless it is kept.
pub(super) struct Folder {
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl Folder {
    /// A temporary folder, or `keep`, which must be new or empty. A new one is its owner's alone, and in a folder that is there.
    pub(super) fn new(keep: Option<&Path>) -> io::Result<Self> {
        let Some(path) = keep else {
            let temporary = tempfile::Builder::new().prefix("uptls-demo-").tempdir()?;
            return Ok(Self { path: temporary.path().to_owned(), temporary: Some(temporary) });
        };
        make_private(path)?;
        if std::fs::read_dir(path)?.next().is_some() {
            return Err(io::Error::other("the folder is not empty"));
        }
        Ok(Self { path: path.to_owned(), temporary: None })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// Only its owner may read it: the files include keys, and manifests that hold keys.
    pub(super) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let path = self.path.join(name);
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)?.write_all(text.as_bytes())
    }
}

/// A folder whose parents are there. A typing error is none that is made.
fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(io::Error::other("the folder that it is in does not exist; correct the path, or create that one first"))
        }
        made => made,
    }
}

/// Everything that is minted for the demo.
pub(super) struct Fixtures {
    pub(super) ca: Authority,
    /// The same name, another key.
    pub(super) new_ca: Authority,
    /// Another name.
    pub(super) next_ca: Authority,
    pub(super) payments: Minted,
    pub(super) payments_new: Minted,
    pub(super) payments_next: Minted,
    pub(super) misnamed: Minted,
    pub(super) expired: Minted,
    pub(super) orders: Minted,
    /// The name of `orders`, of an authority that no policy here trusts.
    pub(super) orders_fake: Minted,
    pub(super) client: Minted,
}

impl Fixtures {
    /// `now` is since 1970.
    pub(super) fn mint(now: Duration) -> Result<Self, rcgen::Error> {
        let ca = Authority::new(CA, now)?;
        let new_ca = Authority::new(CA, now)?;
        let next_ca = Authority::new("Demo CA 2", now)?;
        let name = Name::Dns("payments.internal");
        let orders = Name::Uri("spiffe://demo/ns/shop/sa/orders");
        Ok(Self {
            payments: ca.server("payments", name, Until::Days(90))?,
            payments_new: new_ca.server("payments", name, Until::Days(90))?,
            payments_next: next_ca.server("payments", name, Until::Days(90))?,
            misnamed: ca.server("reports", Name::Dns("reports.internal"), Until::Days(90))?,
            expired: ca.server("payments", name, Until::DaysAgo(3))?,
            orders: ca.server("orders", orders, Until::Days(90))?,
            orders_fake: next_ca.server("orders", orders, Until::Days(90))?,
            client: ca.client("gateway", Name::Uri(CLIENT))?,
            ca,
            new_ca,
            next_ca,
        })
    }

    /// Writes it all; the new CA is not in the bundle yet.
    pub(super) fn write(&self, folder: &Folder) -> io::Result<()> {
        let files = [
            ("ca.pem", &self.ca.pem),
            ("new-ca.pem", &self.new_ca.pem),
            ("next-ca.pem", &self.next_ca.pem),
            ("gateway.crt", &self.client.pem),
            ("gateway.key", &self.client.key_pem),
            ("payments-chain.pem", &self.payments.pem),
            ("payments-new-chain.pem", &self.payments_new.pem),
            ("payments-next-chain.pem", &self.payments_next.pem),
            ("misnamed-chain.pem", &self.misnamed.pem),
            ("expired-chain.pem", &self.expired.pem),
            ("orders-chain.pem", &self.orders.pem),
            ("orders-fake-chain.pem", &self.orders_fake.pem),
        ];
        files.iter().try_for_each(|(name, text)| folder.write(name, text))?;
        let policies =
            [("payments.yaml", PAYMENTS), ("orders.yaml", ORDERS), ("orders-anonymous.yaml", ORDERS_ANONYMOUS)];
        policies.iter().try_for_each(|(name, text)| folder.write(name, text))
    }
}

const CA: &str = "Demo CA";
/// The name in our own certificate.
pub(super) const CLIENT: &str = "spiffe://demo/ns/edge/sa/gateway";

/// The certificate must hold the server name.
const PAYMENTS: &str = "\
apiVersion: uptls/v1
kind: UpstreamTlsPolicy
metadata: {name: payments}
spec:
  trust:
    bundles: [{file: ca.pem}]
  serverName: payments.internal
  alpn: {protocols: [h2, http/1.1]}
";

/// The certificate must hold a SPIFFE ID, and we show one of our own.
const ORDERS: &str = "\
apiVersion: uptls/v1
kind: UpstreamTlsPolicy
metadata: {name: orders}
spec:
  trust:
    bundles: [{file: ca.pem}]
  subjectAltNames:
    - uri: spiffe://demo/ns/shop/sa/orders
  identity:
    certificate: {file: gateway.crt}
    key: {file: gateway.key}
";

/// The same, but somebody forgot the identity.
const ORDERS_ANONYMOUS: &str = "\
apiVersion: uptls/v1
kind: UpstreamTlsPolicy
metadata: {name: orders-anonymous}
spec:
  trust:
    bundles: [{file: ca.pem}]
  subjectAltNames:
    - uri: spiffe://demo/ns/shop/sa/orders
";

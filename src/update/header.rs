//! What a plan is signed by.

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::error::HeaderError;

/// Bytes of a header: 96 that are signed, and the signature.
pub const HEADER_BYTES: usize = 160;

/// An ed25519 key that signatures are checked with.
pub type PublicKey = [u8; 32];

const MAGIC: [u8; 8] = *b"CLTRSLOT";
const FORMAT: u32 = 1;
const SIGNED: usize = 96;

/// What is signed of a plan. Little-endian, in this order: the eight letters `CLTRSLOT`, the format as a u32 (1), the
/// plan's bytes (u32), its version (u64), the product (16 bytes), the first 8 bytes of the SHA-256 of the public key, the
/// plan's SHA-256, 16 zeros, and the ed25519 signature of all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Bytes of the plan.
    pub plan_bytes: u32,
    /// Versions rise: a device takes none that is not above all that it confirmed.
    pub version: u64,
    /// For what product: a device takes its own alone.
    pub product: [u8; 16],
    /// SHA-256 of the plan.
    pub digest: [u8; 32],
}

impl Header {
    /// Reads a header and checks its signature and its product.
    ///
    /// # Errors
    /// See [`HeaderError`].
    pub fn verify(bytes: &[u8; HEADER_BYTES], keys: &[PublicKey], product: &[u8; 16]) -> Result<Self, HeaderError> {
        let field = Fields(bytes);
        if field.bytes::<8>(0) != MAGIC {
            return Err(HeaderError::Magic);
        }
        let format = u32::from_le_bytes(field.bytes(8));
        if format != FORMAT {
            return Err(HeaderError::Format(format));
        }
        let id = field.bytes::<8>(40);
        let key = keys.iter().find(|key| key_id(key) == id).ok_or(HeaderError::Key)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| HeaderError::Key)?;
        let signed = bytes.get(..SIGNED).ok_or(HeaderError::Signature)?;
        let signature = Signature::from_bytes(&field.bytes(SIGNED));
        key.verify_strict(signed, &signature).map_err(|_| HeaderError::Signature)?;
        let header = Self {
            plan_bytes: u32::from_le_bytes(field.bytes(12)),
            version: u64::from_le_bytes(field.bytes(16)),
            product: field.bytes(24),
            digest: field.bytes(48),
        };
        if header.product == *product { Ok(header) } else { Err(HeaderError::Product) }
    }

    /// The header of a plan.
    pub fn of(plan: &[u8], version: u64, product: [u8; 16]) -> Option<Self> {
        let plan_bytes = u32::try_from(plan.len()).ok()?;
        Some(Self { plan_bytes, version, product, digest: Sha256::digest(plan).into() })
    }

    /// Signs with a secret key, the 32 bytes of RFC 8032.
    #[cfg(any(test, feature = "sign"))]
    pub fn sign(&self, secret: &[u8; 32]) -> [u8; HEADER_BYTES] {
        use ed25519_dalek::Signer;
        let key = ed25519_dalek::SigningKey::from_bytes(secret);
        let mut bytes = std::vec::Vec::with_capacity(HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(FORMAT.to_le_bytes());
        bytes.extend(self.plan_bytes.to_le_bytes());
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(self.product);
        bytes.extend(key_id(&key.verifying_key().to_bytes()));
        bytes.extend(self.digest);
        bytes.extend([0; 16]);
        bytes.extend(key.sign(&bytes).to_bytes());
        let mut header = [0; HEADER_BYTES];
        header.copy_from_slice(&bytes);
        header
    }

    /// The public key of a secret one.
    #[cfg(any(test, feature = "sign"))]
    pub fn public_key(secret: &[u8; 32]) -> PublicKey {
        ed25519_dalek::SigningKey::from_bytes(secret).verifying_key().to_bytes()
    }
}

fn key_id(key: &PublicKey) -> [u8; 8] {
    Fields(&Sha256::digest(key)).bytes(0)
}

/// Reads fields without a way to panic; what is beyond the end reads as zeros.
pub(crate) struct Fields<'b>(pub(crate) &'b [u8]);

impl Fields<'_> {
    pub(crate) fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut field = [0; N];
        for (to, from) in field.iter_mut().zip(self.0.iter().skip(at)) {
            *to = *from;
        }
        field
    }
}

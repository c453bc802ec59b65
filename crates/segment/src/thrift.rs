//! Thrift's compact protocol, as far as Parquet's metadata needs it.
//!
//! The reader believes nothing: a list is no longer than the bytes that are left, and nothing nests deeper
//! than Parquet does.

use crate::damaged::Broken;

pub(crate) const TRUE: u8 = 1;
pub(crate) const FALSE: u8 = 2;
pub(crate) const BYTE: u8 = 3;
const I16: u8 = 4;
pub(crate) const I32: u8 = 5;
pub(crate) const I64: u8 = 6;
const DOUBLE: u8 = 7;
pub(crate) const BINARY: u8 = 8;
pub(crate) const LIST: u8 = 9;
const SET: u8 = 10;
pub(crate) const STRUCT: u8 = 12;

/// How deep anything may nest.
const DEPTH_MAX: u8 = 16;

pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

pub(crate) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Takes a varint off the front of `rest`.
pub(crate) fn take_varint(rest: &mut &[u8]) -> Result<u64, Broken> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first().ok_or("a number is cut")?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("a number is too long")
}

/// Writes one structure; those within it are written by closures.
pub(crate) struct Structure<'a> {
    out: &'a mut Vec<u8>,
    last: i16,
}

/// Writes a structure to `out`.
pub(crate) fn put(out: &mut Vec<u8>, fields: impl FnOnce(&mut Structure<'_>)) {
    let mut structure = Structure { out, last: 0 };
    fields(&mut structure);
    structure.out.push(0);
}

impl Structure<'_> {
    fn field(&mut self, id: i16, kind: u8) {
        match u8::try_from(id - self.last) {
            Ok(step @ 1..=15) => self.out.push(step << 4 | kind),
            _ => {
                self.out.push(kind);
                put_varint(self.out, zigzag(id.into()));
            }
        }
        self.last = id;
    }

    pub(crate) fn boolean(&mut self, id: i16, value: bool) {
        self.field(id, if value { TRUE } else { FALSE });
    }

    pub(crate) fn byte(&mut self, id: i16, value: u8) {
        self.field(id, BYTE);
        self.out.push(value);
    }

    pub(crate) fn i32(&mut self, id: i16, value: i32) {
        self.field(id, I32);
        put_varint(self.out, zigzag(value.into()));
    }

    pub(crate) fn i64(&mut self, id: i16, value: i64) {
        self.field(id, I64);
        put_varint(self.out, zigzag(value));
    }

    pub(crate) fn binary(&mut self, id: i16, value: &[u8]) {
        self.field(id, BINARY);
        put_varint(self.out, value.len() as u64);
        self.out.extend_from_slice(value);
    }

    pub(crate) fn structure(&mut self, id: i16, fields: impl FnOnce(&mut Structure<'_>)) {
        self.field(id, STRUCT);
        put(self.out, fields);
    }

    /// A list; `element` writes each one.
    pub(crate) fn list<T>(
        &mut self,
        id: i16,
        kind: u8,
        elements: &[T],
        mut element: impl FnMut(&mut Vec<u8>, &T),
    ) {
        self.field(id, LIST);
        match u8::try_from(elements.len()) {
            Ok(few @ 0..15) => self.out.push(few << 4 | kind),
            _ => {
                self.out.push(0xf0 | kind);
                put_varint(self.out, elements.len() as u64);
            }
        }
        for one in elements {
            element(self.out, one);
        }
    }
}

/// What is still to be read.
pub(crate) struct Fields<'b> {
    pub(crate) rest: &'b [u8],
    depth: u8,
}

impl<'b> Fields<'b> {
    pub(crate) fn of(bytes: &'b [u8]) -> Self {
        Self { rest: bytes, depth: 0 }
    }

    fn take(&mut self, length: usize) -> Result<&'b [u8], Broken> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or("a field is cut")?;
        self.rest = rest;
        Ok(taken)
    }

    /// Reads a structure: `field` is called with the number and the kind of each field, and either reads it
    /// or leaves it to [`Self::skip`].
    pub(crate) fn structure(
        &mut self,
        mut field: impl FnMut(&mut Self, i16, u8) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err("a structure nests too deep");
        }
        let mut id = 0i16;
        loop {
            let head = self.take(1)?[0];
            if head == 0 {
                self.depth -= 1;
                return Ok(());
            }
            id = match i16::from(head >> 4) {
                0 => i16::try_from(unzigzag(take_varint(&mut self.rest)?)).ok(),
                step => id.checked_add(step),
            }
            .ok_or("a field's number is absurd")?;
            field(self, id, head & 0xf)?;
        }
    }

    /// A list: the kind of its elements and how many, each of at least one byte.
    pub(crate) fn list(&mut self) -> Result<(u8, usize), Broken> {
        let head = self.take(1)?[0];
        let length = match head >> 4 {
            15 => usize::try_from(take_varint(&mut self.rest)?).ok(),
            few => Some(few.into()),
        };
        let length = length.filter(|&length| length <= self.rest.len()).ok_or("a list is too long")?;
        Ok((head & 0xf, length))
    }

    /// A list of structures of at least `least` bytes each, read by `element`: what they become in memory is
    /// then in proportion to what they are.
    pub(crate) fn structures<T>(
        &mut self,
        kind: u8,
        least: usize,
        mut element: impl FnMut(&mut Self) -> Result<T, Broken>,
    ) -> Result<Vec<T>, Broken> {
        match (kind, self.list()?) {
            (LIST, (STRUCT, length)) if length <= self.rest.len() / least => {
                (0..length).map(|_| element(self)).collect()
            }
            _ => Err("a list of structures is something else, or too long"),
        }
    }

    /// A number of any width.
    pub(crate) fn number(&mut self, kind: u8) -> Result<i64, Broken> {
        match kind {
            I16 | I32 | I64 => Ok(unzigzag(take_varint(&mut self.rest)?)),
            _ => Err("a number is something else"),
        }
    }

    /// A number that cannot be below zero.
    pub(crate) fn count(&mut self, kind: u8) -> Result<u64, Broken> {
        u64::try_from(self.number(kind)?).map_err(|_| "a count is below zero")
    }

    pub(crate) fn binary(&mut self, kind: u8) -> Result<&'b [u8], Broken> {
        if kind != BINARY {
            return Err("a text is something else");
        }
        let length = take_varint(&mut self.rest)?;
        self.take(usize::try_from(length).map_err(|_| "a text is too long")?)
    }

    pub(crate) fn text(&mut self, kind: u8) -> Result<&'b str, Broken> {
        std::str::from_utf8(self.binary(kind)?).map_err(|_| "a text is not UTF-8")
    }

    pub(crate) fn skip(&mut self, kind: u8) -> Result<(), Broken> {
        match kind {
            TRUE | FALSE => Ok(()),
            BYTE => self.take(1).map(drop),
            I16 | I32 | I64 => take_varint(&mut self.rest).map(drop),
            DOUBLE => self.take(8).map(drop),
            BINARY => self.binary(BINARY).map(drop),
            LIST | SET => {
                let (kind, length) = self.list()?;
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    return Err("a list nests too deep");
                }
                for _ in 0..length {
                    // A boolean is a byte in a list, and nothing in a structure.
                    self.skip(if kind <= FALSE { BYTE } else { kind })?;
                }
                self.depth -= 1;
                Ok(())
            }
            STRUCT => self.structure(|fields, _, kind| fields.skip(kind)),
            _ => Err("a field is of no known kind"),
        }
    }
}

//! Parquet's own structures, as far as such a file has them, written and read.

use crate::{
    column::{COLUMNS, Column, Kind},
    damaged::Broken,
    thrift::{BINARY, Fields, I32, LIST, STRUCT, TRUE, put, put_varint, zigzag},
};

/// What a file begins and ends with.
pub(crate) const MAGIC: &[u8; 4] = b"PAR1";
/// The most rows that a page may have.
pub(crate) const PAGE_ROWS_MAX: u32 = 8 << 10;
/// The most rows that a row group may have.
pub(crate) const GROUP_ROWS_MAX: u32 = 1 << 20;
/// The most bytes that the names of one row group may have, column by column.
pub(crate) const TEXTS_MAX: usize = 16 << 20;

/// What one column of one row group takes in the footer, and one page in an index, at the very least.
const CHUNK_LEAST: usize = 32;
const PAGE_LEAST: usize = 4;

/// How the values of one column are written in one row group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Encoding {
    /// Each as it is.
    Plain,
    /// As differences.
    Delta,
    /// As places in a list of those that occur.
    Dictionary,
}

impl Encoding {
    pub(crate) fn number(self) -> i32 {
        match self {
            Self::Plain => 0,
            Self::Delta => 5,
            Self::Dictionary => 8,
        }
    }
}

/// The encoding of levels, which say what is missing.
const RLE: i32 = 3;
const ZSTD: i32 = 6;

/// One column of one row group: where it is and how it is written.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    /// Where it begins: with the dictionary if there is one, else with the first page.
    pub(crate) offset: u64,
    /// How long the dictionary's page is; 0 if there is none.
    pub(crate) dictionary: u32,
    /// For each page, where it ends, from the begin of the chunk on.
    pub(crate) ends: Box<[u32]>,
    pub(crate) encoding: Encoding,
    /// Whether pages are compressed with zstd, or stored.
    pub(crate) compressed: bool,
}

impl Chunk {
    pub(crate) fn length(&self) -> u32 {
        self.ends.last().copied().unwrap_or(self.dictionary)
    }
}

/// The least and the largest of some values, as Parquet writes them.
pub(crate) type Extremes = (Vec<u8>, Vec<u8>);

/// What others like to know of a column's values in a row group.
#[derive(Clone, Default, Debug)]
pub(crate) struct Summary {
    pub(crate) uncompressed: u64,
    pub(crate) missing: u64,
    pub(crate) bounds: Option<Extremes>,
}

/// A part of the file.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) length: u32,
}

/// One column of one row group, as the footer tells of it.
#[derive(Clone, Debug)]
pub(crate) struct ChunkFooter {
    pub(crate) chunk: Chunk,
    pub(crate) length: u64,
    pub(crate) summary: Summary,
    pub(crate) offset_index: Place,
    pub(crate) column_index: Place,
}

/// One row group, as the footer tells of it.
#[derive(Clone, Debug)]
pub(crate) struct GroupFooter {
    pub(crate) rows: u32,
    pub(crate) chunks: Vec<ChunkFooter>,
}

/// What stands in the footer.
#[derive(Default, Debug)]
pub(crate) struct Footer {
    pub(crate) rows: u64,
    pub(crate) groups: Vec<GroupFooter>,
    pub(crate) facts: Vec<(String, String)>,
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn put_i32(out: &mut Vec<u8>, value: i32) {
    put_varint(out, zigzag(value.into()));
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text);
}

/// Parquet's number of the physical type.
fn physical(kind: Kind) -> i32 {
    match kind {
        Kind::Signed | Kind::Small(_) => 1,
        Kind::Large | Kind::Moment | Kind::Duration => 2,
        Kind::Text(_) => 6,
    }
}

fn put_column_schema(out: &mut Vec<u8>, column: Column) {
    let kind = column.kind();
    put(out, |field| {
        field.i32(1, physical(kind));
        field.i32(3, i32::from(column.is_nullable()));
        field.binary(4, column.name().as_bytes());
        // The older and the newer way to say what the type means.
        match kind {
            Kind::Signed | Kind::Duration => {}
            Kind::Text(_) => field.i32(6, 0),
            Kind::Moment => field.i32(6, 10),
            Kind::Small(8) => field.i32(6, 11),
            Kind::Small(16) => field.i32(6, 12),
            Kind::Small(_) => field.i32(6, 13),
            Kind::Large => field.i32(6, 14),
        }
        let mut integer = |bits| {
            field.structure(10, |logical| {
                logical.structure(10, |integer| {
                    integer.byte(1, bits);
                    integer.boolean(2, false);
                });
            });
        };
        match kind {
            Kind::Signed | Kind::Duration => {}
            Kind::Small(bits) => integer(bits),
            Kind::Large => integer(64),
            Kind::Text(_) => field.structure(10, |logical| logical.structure(1, |_| {})),
            Kind::Moment => field.structure(10, |logical| {
                logical.structure(8, |moment| {
                    moment.boolean(1, true);
                    moment.structure(2, |unit| unit.structure(2, |_| {}));
                });
            }),
        }
    });
}

fn put_chunk(out: &mut Vec<u8>, (column, footer): &(Column, &ChunkFooter), rows: u32) {
    let ChunkFooter { chunk, length, summary, offset_index, column_index } = footer;
    let place = |field: &mut crate::thrift::Structure<'_>, id, place: &Place| {
        field.i64(id, signed(place.offset));
        field.i32(id + 1, i32::try_from(place.length).unwrap_or(i32::MAX));
    };
    put(out, |field| {
        field.i64(2, 0);
        field.structure(3, |field| {
            field.i32(1, physical(column.kind()));
            let encodings: &[i32] = match chunk.encoding {
                Encoding::Dictionary => &[0, RLE, 8],
                Encoding::Plain => &[0, RLE],
                Encoding::Delta => &[RLE, 5],
            };
            field.list(2, I32, encodings, |out, &encoding| put_i32(out, encoding));
            field.list(3, BINARY, &[column.name()], |out, name| put_text(out, name.as_bytes()));
            field.i32(4, if chunk.compressed { ZSTD } else { 0 });
            field.i64(5, rows.into());
            field.i64(6, signed(summary.uncompressed));
            field.i64(7, signed(*length));
            field.i64(9, signed(chunk.offset + u64::from(chunk.dictionary)));
            if chunk.dictionary > 0 {
                field.i64(11, signed(chunk.offset));
            }
            field.structure(12, |field| {
                field.i64(3, signed(summary.missing));
                if let Some((least, most)) = &summary.bounds {
                    field.binary(5, most);
                    field.binary(6, least);
                }
            });
        });
        place(field, 4, offset_index);
        if column_index.length > 0 {
            place(field, 6, column_index);
        }
    });
}

impl Footer {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put(out, |field| {
            field.i32(1, 2);
            let schema: Vec<Option<Column>> =
                std::iter::once(None).chain(Column::ALL.into_iter().map(Some)).collect();
            field.list(2, STRUCT, &schema, |out, &element| match element {
                Some(column) => put_column_schema(out, column),
                None => put(out, |field| {
                    field.binary(4, b"session");
                    field.i32(5, i32::try_from(COLUMNS).unwrap_or(0));
                }),
            });
            field.i64(3, signed(self.rows));
            field.list(4, STRUCT, &self.groups, |out, group| put(out, |field| put_group(field, group)));
            field.list(5, STRUCT, &self.facts, |out, (key, value)| {
                put(out, |field| {
                    field.binary(1, key.as_bytes());
                    field.binary(2, value.as_bytes());
                });
            });
            field.binary(6, b"unmasq");
            // Bounds are in the order that the type has by itself.
            field.list(7, STRUCT, &Column::ALL, |out, _| put(out, |field| field.structure(1, |_| {})));
        });
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Broken> {
        let mut footer = Self::default();
        Fields::of(bytes).structure(|fields, id, kind| {
            match id {
                3 => footer.rows = fields.count(kind)?,
                4 => footer.groups = fields.structures(kind, COLUMNS * CHUNK_LEAST, read_group)?,
                5 => footer.facts = fields.structures(kind, 1, read_fact)?,
                _ => fields.skip(kind)?,
            }
            Ok(())
        })?;
        Ok(footer)
    }
}

fn put_group(field: &mut crate::thrift::Structure<'_>, group: &GroupFooter) {
    let chunks: Vec<_> = Column::ALL.into_iter().zip(&group.chunks).collect();
    let sum = |of: fn(&ChunkFooter) -> u64| signed(group.chunks.iter().map(of).sum());
    field.list(1, STRUCT, &chunks, |out, chunk| put_chunk(out, chunk, group.rows));
    field.i64(2, sum(|chunk| chunk.summary.uncompressed));
    field.i64(3, group.rows.into());
    let sorted = [Column::Hour, Column::OutsideIp, Column::OutsidePort, Column::RemoteIp];
    field.list(4, STRUCT, &sorted, |out, column| {
        put(out, |field| {
            field.i32(1, i32::try_from(column.index()).unwrap_or(0));
            field.boolean(2, false);
            field.boolean(3, true);
        });
    });
    field.i64(5, group.chunks.first().map_or(0, |first| signed(first.chunk.offset)));
    field.i64(6, sum(|chunk| chunk.length));
}

fn read_fact(fields: &mut Fields<'_>) -> Result<(String, String), Broken> {
    let (mut key, mut value) = (String::new(), String::new());
    fields.structure(|fields, id, kind| {
        match id {
            1 => fields.text(kind)?.clone_into(&mut key),
            2 => fields.text(kind)?.clone_into(&mut value),
            _ => fields.skip(kind)?,
        }
        Ok(())
    })?;
    Ok((key, value))
}

fn read_group(fields: &mut Fields<'_>) -> Result<GroupFooter, Broken> {
    let (mut rows, mut chunks) = (0, Vec::new());
    fields.structure(|fields, id, kind| {
        match id {
            1 => chunks = fields.structures(kind, CHUNK_LEAST, read_chunk)?,
            3 => rows = fields.count(kind)?,
            _ => fields.skip(kind)?,
        }
        Ok(())
    })?;
    let rows = u32::try_from(rows).ok().filter(|&rows| rows <= GROUP_ROWS_MAX && rows > 0);
    let rows = rows.ok_or("a row group has no rows, or more than it may")?;
    if chunks.len() != COLUMNS {
        return Err("a row group has other columns");
    }
    Ok(GroupFooter { rows, chunks })
}

fn read_chunk(fields: &mut Fields<'_>) -> Result<ChunkFooter, Broken> {
    let (mut encodings, mut codec, mut length) = (Vec::new(), 0, 0);
    let (mut pages, mut dictionary) = (0, None);
    let (mut offset_index, mut column_index) = (Place::default(), Place::default());
    let short = |length: u64| u32::try_from(length).map_err(|_| "an index is too long");
    fields.structure(|fields, id, kind| {
        match id {
            3 => fields.structure(|fields, id, kind| {
                match id {
                    2 => encodings = read_numbers(fields, kind)?,
                    4 => codec = fields.number(kind)?,
                    7 => length = fields.count(kind)?,
                    9 => pages = fields.count(kind)?,
                    11 => dictionary = Some(fields.count(kind)?),
                    _ => fields.skip(kind)?,
                }
                Ok(())
            })?,
            4 => offset_index.offset = fields.count(kind)?,
            5 => offset_index.length = short(fields.count(kind)?)?,
            6 => column_index.offset = fields.count(kind)?,
            7 => column_index.length = short(fields.count(kind)?)?,
            _ => fields.skip(kind)?,
        }
        Ok(())
    })?;
    let has = |encoding: Encoding| encodings.contains(&i64::from(encoding.number()));
    let encoding = match (has(Encoding::Dictionary), has(Encoding::Delta)) {
        (true, false) => Encoding::Dictionary,
        (false, true) => Encoding::Delta,
        (false, false) => Encoding::Plain,
        (true, true) => return Err("a column is written in two ways"),
    };
    let compressed = match codec {
        0 => false,
        codec if codec == i64::from(ZSTD) => true,
        _ => return Err("a column is compressed in another way"),
    };
    let offset = dictionary.unwrap_or(pages);
    let dictionary = pages.checked_sub(offset).and_then(|length| u32::try_from(length).ok());
    let dictionary = dictionary.ok_or("a dictionary is longer than it may be")?;
    if (encoding == Encoding::Dictionary) != (dictionary > 0) {
        return Err("a column lacks its dictionary, or has one too many");
    }
    Ok(ChunkFooter {
        chunk: Chunk { offset, dictionary, ends: Box::default(), encoding, compressed },
        length,
        summary: Summary::default(),
        offset_index,
        column_index,
    })
}

fn read_numbers(fields: &mut Fields<'_>, kind: u8) -> Result<Vec<i64>, Broken> {
    match (kind, fields.list()?) {
        (LIST, (I32, length)) => (0..length).map(|_| fields.number(I32)).collect(),
        _ => Err("a list of numbers is something else"),
    }
}

/// What stands before a page's bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct PageHeader {
    /// Whether it is a dictionary; else it is a page of rows.
    pub(crate) dictionary: bool,
    pub(crate) uncompressed: u32,
    pub(crate) compressed: u32,
    /// Over the bytes that follow, as they are stored.
    pub(crate) crc: u32,
    pub(crate) values: u32,
    pub(crate) encoding: Encoding,
}

impl PageHeader {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        put(out, |field| {
            let number = |number: u32| number.cast_signed();
            field.i32(1, if self.dictionary { 2 } else { 0 });
            field.i32(2, number(self.uncompressed));
            field.i32(3, number(self.compressed));
            field.i32(4, number(self.crc));
            if self.dictionary {
                field.structure(7, |field| {
                    field.i32(1, number(self.values));
                    field.i32(2, 0);
                });
            } else {
                field.structure(5, |field| {
                    field.i32(1, number(self.values));
                    field.i32(2, self.encoding.number());
                    field.i32(3, RLE);
                    field.i32(4, RLE);
                });
            }
        });
    }

    /// The header of a page in which everything that its place tells is so; and how long it is.
    ///
    /// Its other fields are then what they would be if it were written anew: a header that is not the same
    /// to the bit is damaged.
    pub(crate) fn read(bytes: &[u8], expected: Self) -> Result<(Self, usize), Broken> {
        let mut found = expected;
        let mut fields = Fields::of(bytes);
        fields.structure(|fields, id, kind| {
            let number = |number: i64| i32::try_from(number).map_or(0, i32::cast_unsigned);
            match id {
                2 => found.uncompressed = number(fields.number(kind)?),
                3 => found.compressed = number(fields.number(kind)?),
                4 => found.crc = number(fields.number(kind)?),
                7 if expected.dictionary => fields.structure(|fields, id, kind| {
                    match id {
                        1 => found.values = number(fields.number(kind)?),
                        _ => fields.skip(kind)?,
                    }
                    Ok(())
                })?,
                _ => fields.skip(kind)?,
            }
            Ok(())
        })?;
        let length = bytes.len() - fields.rest.len();
        let mut again = Vec::with_capacity(length);
        found.put(&mut again);
        if again != bytes[..length] {
            return Err("the page's header is not what it was");
        }
        Ok((found, length))
    }
}

/// The offset index of a chunk whose pages have `page_rows` rows each.
pub(crate) fn put_offset_index(out: &mut Vec<u8>, chunk: &Chunk, page_rows: u32) {
    let begins = std::iter::once(chunk.dictionary).chain(chunk.ends.iter().copied());
    let pages: Vec<(u32, u32, i64)> = begins
        .zip(chunk.ends.iter().copied())
        .zip((0..).step_by(page_rows as usize))
        .map(|((begin, end), row)| (begin, end, row))
        .collect();
    put(out, |field| {
        field.list(1, STRUCT, &pages, |out, &(begin, end, row)| {
            put(out, |field| {
                field.i64(1, signed(chunk.offset + u64::from(begin)));
                field.i32(2, (end - begin).cast_signed());
                field.i64(3, row);
            });
        });
    });
}

/// Where the pages of a chunk are (see [`Chunk::ends`]), and how many rows each but the last has.
pub(crate) fn read_offset_index(bytes: &[u8], chunk: &Chunk) -> Result<(Box<[u32]>, u64), Broken> {
    let (mut ends, mut page_rows) = (Vec::new(), u64::MAX);
    let mut end = chunk.dictionary;
    Fields::of(bytes).structure(|fields, id, kind| {
        if id != 1 {
            return fields.skip(kind);
        }
        fields.structures(kind, PAGE_LEAST, |fields| {
            let (mut offset, mut length, mut row) = (0, 0, 0);
            fields.structure(|fields, id, kind| {
                match id {
                    1 => offset = fields.count(kind)?,
                    2 => length = fields.count(kind)?,
                    3 => row = fields.count(kind)?,
                    _ => fields.skip(kind)?,
                }
                Ok(())
            })?;
            if ends.len() == 1 {
                page_rows = row;
            }
            if chunk.offset.checked_add(end.into()) != Some(offset)
                || page_rows.checked_mul(ends.len() as u64).unwrap_or(0) != row
            {
                return Err("a page is not where the one before it ends");
            }
            let length = u32::try_from(length).ok().filter(|&length| length > 0);
            end = length.and_then(|length| end.checked_add(length)).ok_or("a page is too long")?;
            ends.push(end);
            Ok(())
        })?;
        Ok(())
    })?;
    Ok((ends.into(), page_rows))
}

/// The column index of a column without missing values: the bounds of each page.
pub(crate) fn put_column_index(out: &mut Vec<u8>, bounds: &[Extremes], ascending: bool) {
    put(out, |field| {
        field.list(1, TRUE, bounds, |out, _| out.push(2));
        field.list(2, BINARY, bounds, |out, (least, _)| put_text(out, least));
        field.list(3, BINARY, bounds, |out, (_, most)| put_text(out, most));
        field.i32(4, i32::from(ascending));
    });
}

/// The bounds of each page, as numbers of 32 bits.
pub(crate) fn read_column_index(bytes: &[u8]) -> Result<Vec<(u32, u32)>, Broken> {
    let (mut least, mut most) = (Vec::new(), Vec::new());
    Fields::of(bytes).structure(|fields, id, kind| {
        match id {
            2 => least = read_bounds(fields, kind)?,
            3 => most = read_bounds(fields, kind)?,
            _ => fields.skip(kind)?,
        }
        Ok(())
    })?;
    if least.len() != most.len() {
        return Err("pages have one bound");
    }
    Ok(least.into_iter().zip(most).collect())
}

fn read_bounds(fields: &mut Fields<'_>, kind: u8) -> Result<Vec<u32>, Broken> {
    let (LIST, (BINARY, length)) = (kind, fields.list()?) else { return Err("bounds are something else") };
    (0..length)
        .map(|_| Ok(u32::from_le_bytes(fields.binary(BINARY)?.try_into().map_err(|_| "a bound is cut")?)))
        .collect()
}

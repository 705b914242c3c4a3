/// One line of an S3 Inventory in CSV.
///
/// `"bucket","key (URL-encoded)","version id","true","false","size","2026-03-01T12:34:56.789Z","etag"`
///
/// These are the columns of ``InventoryColumns/standard``; a line is read by the columns that its
/// file names. A line without a size is refused: an object without one is no object.
struct InventoryLine: Hashable, Sendable {
    /// What a line stands for.
    enum Kind: Hashable, Sendable {
        /// The newest version of an object.
        case current
        /// An older version.
        case older
        /// A deletion.
        case deleteMarker
    }

    var bucket: [UInt8]
    var key: [UInt8]
    var kind = Kind.current
    var size: UInt64 = 0
    /// Milliseconds since 1970.
    var modifiedMilliseconds: UInt64?
    var etag: [UInt8] = []

    /// Names an object.
    init(
        bucket: [UInt8],
        key: [UInt8],
        size: UInt64,
        modifiedMilliseconds: UInt64?,
        etag: [UInt8]
    ) {
        self.bucket = bucket
        self.key = key
        self.size = size
        self.modifiedMilliseconds = modifiedMilliseconds
        self.etag = etag
    }

    /// Reads the fields of a line.
    ///
    /// - Throws: `Wrong`, saying what is wrong with them.
    init(
        _ fields: [[UInt8]],
        columns: InventoryColumns = .standard
    ) throws(Wrong) {
        guard fields.count == columns.count else {
            throw Wrong("it has \(fields.count) columns instead of \(columns.count)")
        }
        bucket = columns.field(.bucket, of: fields)
        guard 3...63 ~= bucket.count else { throw Wrong("the bucket's name is not 3 to 63 bytes") }
        guard let key = URLCoding.decode(columns.field(.key, of: fields)) else {
            throw Wrong("the key is not URL-encoded")
        }
        guard 1...1024 ~= key.count else {
            throw Wrong("the key has \(key.count) bytes instead of 1 to 1024")
        }
        self.key = key
        let isLatest = try Self.truth(.isLatest, of: fields, columns, missing: true)
        let isDeleteMarker = try Self.truth(.isDeleteMarker, of: fields, columns, missing: false)
        kind = isDeleteMarker ? .deleteMarker : isLatest ? .current : .older
        if kind == .deleteMarker { return }
        let digits = String(decoding: columns.field(.size, of: fields), as: UTF8.self)
        guard !digits.isEmpty, digits.utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
            let size = UInt64(digits), size <= 1 << 62
        else { throw Wrong("the size is no number of bytes") }
        self.size = size
        let date = columns.field(.modified, of: fields)
        if !date.isEmpty {
            guard let time = Timestamp.milliseconds(date) else {
                throw Wrong("the date is not like 2026-03-01T12:34:56.789Z")
            }
            modifiedMilliseconds = time
        }
        etag = columns.field(.etag, of: fields)
        // Some tools keep the quotes that HTTP puts around entity tags.
        let quote = UInt8(ascii: "\"")
        if etag.count >= 2, etag.first == quote, etag.last == quote {
            etag = Array(etag.dropFirst().dropLast())
        }
        guard etag.count <= 128 else { throw Wrong("the ETag has more than 128 bytes") }
    }

    /// What is wrong with a line.
    struct Wrong: Error, Hashable, Sendable {
        var reason: String

        /// Says what is wrong.
        init(_ reason: String) { self.reason = reason }
    }

    /// The fields of the line.
    var fields: [[UInt8]] {
        [
            bucket, URLCoding.encode(key), [],
            Array("\(kind == .current)".utf8), Array("\(kind == .deleteMarker)".utf8),
            Array(String(size).utf8),
            modifiedMilliseconds.map { Array(Timestamp.text($0).utf8) } ?? [],
            etag,
        ]
    }

    private static func truth(
        _ column: InventoryColumns.Column,
        of fields: [[UInt8]],
        _ columns: InventoryColumns,
        missing: Bool
    ) throws(Wrong) -> Bool {
        let text = String(decoding: columns.field(column, of: fields), as: UTF8.self)
        switch text.lowercased() {
        case "true": return true
        case "false": return false
        case "": return missing
        default: throw Wrong("\(column.name) is neither true nor false")
        }
    }
}

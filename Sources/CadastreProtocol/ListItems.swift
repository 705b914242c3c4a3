/// The entries of a list of objects, as the message has them: one run of bytes, from which each
/// entry is read when somebody looks at it.
///
/// A page of a thousand objects as values is two thousand arrays, made by the node that answers and
/// made again by the client that reads. So a node writes each row into the answer as it comes by,
/// and a client checks the run once and copies it whole.
package struct ListItems: Sendable, Hashable, Sequence {
    /// How many entries there are.
    package private(set) var count = 0
    /// The entries as elements of field 1.
    private(set) var encoded: [UInt8] = []

    /// None.
    package init() {}

    /// None, with room for entries of so many bytes.
    init(reserving bytes: Int) { encoded.reserveCapacity(bytes) }

    /// Gets room for so many entries, if the others are like those that it has, or an eighth larger:
    /// those of a page differ by their keys and by digits.
    package mutating func reserve(entries: Int) {
        guard count > 0, entries > count else { return }
        encoded.reserveCapacity(encoded.count / count * entries / 8 * 9)
    }

    /// These entries.
    package init(_ items: some Sequence<ListItem>) {
        for item in items {
            switch item {
            case .object(let key, let sequence, let size, let etag, let modified):
                unsafe key.withUnsafeBytes { key in
                    unsafe etag.withUnsafeBytes { etag in
                        unsafe append(
                            key: key,
                            sequence: sequence,
                            size: size,
                            etag: etag,
                            modifiedMilliseconds: modified
                        )
                    }
                }
            case .commonPrefix(let prefix): append(commonPrefix: prefix)
            }
        }
    }

    /// Whether there is none.
    package var isEmpty: Bool { count == 0 }

    package var underestimatedCount: Int { count }

    // MARK: Writing

    /// Appends an object.
    package mutating func append(
        key: UnsafeRawBufferPointer,
        sequence: UInt64,
        size: UInt64,
        etag: UnsafeRawBufferPointer,
        modifiedMilliseconds: UInt64
    ) {
        // A page has a thousand of them: sizes are reckoned and everything is written at once.
        let object =
            unsafe FieldSize(1, key) + FieldSize(2, sequence) + FieldSize(3, size)
            + FieldSize(4, etag) + FieldSize(5, modifiedMilliseconds)
        let item = FieldSize(message: object)
        // Two messages and their five fields.
        let room = RawFieldWriter.room(forFields: 7, bytes: key.count + etag.count)
        encoded.append(addingCapacity: room) { target in
            unsafe target.withUnsafeMutableBufferPointer { target, count in
                var writer = unsafe RawFieldWriter(target)
                writer.begin(1, message: item)
                writer.begin(1, message: object)
                unsafe writer.write(1, key)
                writer.write(2, sequence)
                writer.write(3, size)
                unsafe writer.write(4, etag)
                writer.write(5, modifiedMilliseconds)
                precondition(
                    writer.count == FieldSize(message: item).bytes,
                    "an entry of another size than reckoned"
                )
                count = writer.count
            }
        }
        count += 1
    }

    /// Appends a common prefix.
    package mutating func append(commonPrefix prefix: [UInt8]) {
        encoded.append(messageField: 1) { $0.append(presentField: 2, prefix) }
        count += 1
    }

    /// Appends elements of a message that were checked, each with key and length.
    mutating func append(checked elements: Range<Int>, of bytes: Span<UInt8>, count: Int) {
        encoded.append(copying: bytes.extracting(elements))
        self.count += count
    }

    /// Checks an element of a message.
    ///
    /// - Throws: `malformed` or `invalidValue` if it is no entry.
    @inline(__always)
    static func check(
        element field: FieldReader.Field,
        of reader: inout FieldReader,
        in bytes: Span<UInt8>
    ) throws(ProtocolError) {
        let range = try reader.elementRange(field, in: bytes)
        guard !PlainListedObject.fills(range, of: bytes) else { return }
        try check(reader.message("ObjectListItem", in: range), in: bytes)
    }

    /// Checks an entry, however it is written.
    ///
    /// - Throws: `malformed` or `invalidValue` if it is none.
    static func check(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError)
    {
        _ = try Parts(reader, in: bytes)
    }

    // MARK: Reading

    /// Reads one entry after the other.
    package struct Iterator: IteratorProtocol {
        private let encoded: [UInt8]
        private var reader: FieldReader

        fileprivate init(_ encoded: [UInt8]) {
            self.encoded = encoded
            reader = FieldReader("ObjectPage", 0..<encoded.count, unknownFields: .skipped)
        }

        package mutating func next() -> ListItem? {
            let encoded = self.encoded
            let bytes = encoded.span
            do throws(ProtocolError) {
                guard let field = try reader.next(in: bytes) else { return nil }
                let inner = try reader.elementMessage("ObjectListItem", field, in: bytes)
                return try Parts(inner, in: bytes).item(in: bytes)
            } catch {
                preconditionFailure("an entry that was checked before: \(error)")
            }
        }
    }

    package func makeIterator() -> Iterator { Iterator(encoded) }

    /// Where the parts of one entry are, each checked.
    private enum Parts {
        case object(
            key: Range<Int>,
            sequence: UInt64,
            size: UInt64,
            etag: Range<Int>,
            modified: UInt64
        )
        case commonPrefix(Range<Int>)

        /// Reads the schema's `ObjectListItem`.
        init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
            var result: Parts?
            while let field = try reader.next(in: bytes) {
                guard result == nil else { throw .malformed("ObjectListItem: more than one item") }
                switch field.number {
                case 1:
                    result = try Self.object(
                        reader.message("ListedObject", field, in: bytes),
                        in: bytes
                    )
                case 2:
                    result = .commonPrefix(
                        try reader.range(
                            field,
                            in: bytes,
                            maximum: ProtocolLimits.keySize.upperBound
                        )
                    )
                default: try reader.unknown(field, in: bytes)
                }
            }
            guard let result else { throw .malformed("ObjectListItem: no item") }
            self = result
        }

        private static func object(
            _ reader: consuming FieldReader,
            in bytes: Span<UInt8>
        ) throws(ProtocolError) -> Parts {
            typealias Bound = ProtocolLimits
            var (key, etag) = (0..<0, 0..<0)
            var (sequence, size, modified): (UInt64, UInt64, UInt64) = (0, 0, 0)
            while let field = try reader.next(in: bytes) {
                switch field.number {
                case 1: key = try reader.range(field, in: bytes, maximum: Bound.keySize.upperBound)
                case 2: sequence = try reader.integer(field, in: bytes)
                case 3: size = try reader.integer(field, in: bytes)
                case 4:
                    etag = try reader.range(field, in: bytes, maximum: Bound.maximumEntityTagSize)
                case 5: modified = try reader.integer(field, in: bytes)
                default: try reader.unknown(field, in: bytes)
                }
            }
            return .object(
                key: key,
                sequence: sequence,
                size: size,
                etag: etag,
                modified: modified
            )
        }

        /// The entry as a value.
        func item(in bytes: Span<UInt8>) -> ListItem {
            switch self {
            case .object(let key, let sequence, let size, let etag, let modified):
                .object(
                    key: bytes.copy(key),
                    sequence: sequence,
                    size: size,
                    etag: bytes.copy(etag),
                    modifiedMilliseconds: modified
                )
            case .commonPrefix(let prefix): .commonPrefix(bytes.copy(prefix))
            }
        }
    }
}

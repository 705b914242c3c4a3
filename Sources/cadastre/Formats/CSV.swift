/// Comma-separated values as inventories have them: fields may be quoted, a quote within is doubled,
/// and a quoted field may hold commas.
///
/// Unlike RFC 4180, a line feed ends a record even between quotes: keys are URL-encoded, so that
/// none belongs to a field, and a quote that is not closed must cost one line alone. Reads a stream
/// of any length in bounded memory: feed it bytes in any pieces.
struct CSVReader {
    /// One record, or what is wrong with it.
    enum Record: Hashable, Sendable {
        /// The fields, and the number of the line, from 1.
        case fields([[UInt8]], line: Int)
        /// What is wrong with this line.
        case wrong(String, line: Int)
    }

    /// The most bytes of a record: a key of 1024 bytes, each encoded, and room for the others.
    static let maximumRecordSize = 16_384
    /// The most fields of a record.
    static let maximumFields = 64

    private enum State {
        case fieldStart
        case plain
        case quoted
        /// Behind a quote within a quoted field: its end, or the first of two.
        case quoteSeen
        /// The record is wrong: what is left of its line is passed over.
        case skipping
    }

    private var state = State.fieldStart
    private var fields: [[UInt8]] = []
    private var field: [UInt8] = []
    private var size = 0
    private var line = 1
    private var wrong: String?
    private var previousWasReturn = false

    /// Begins with line 1.
    init() {}

    /// Takes bytes and hands out every record that ends in them.
    mutating func read(_ bytes: some Sequence<UInt8>, each: (Record) -> Void) {
        for byte in bytes { take(byte, each) }
    }

    /// The stream has ended: hands out a last record without a line break.
    mutating func finish(each: (Record) -> Void) {
        if case .quoted = state { reject(Self.unclosed) }
        endLine(each)
    }

    private mutating func take(_ byte: UInt8, _ each: (Record) -> Void) {
        defer { previousWasReturn = byte == 0x0D }
        size += 1
        if size > Self.maximumRecordSize, wrong == nil {
            reject("the line is longer than \(Self.maximumRecordSize) bytes")
        }
        switch (state, byte) {
        case (.quoted, 0x0A):
            reject(Self.unclosed)
            endRecord(each)
        case (.quoted, UInt8(ascii: "\"")): state = .quoteSeen
        case (.quoted, _): field.append(byte)
        case (.skipping, 0x0A): endRecord(each)
        case (.skipping, _): break
        case (_, 0x0A):
            size -= 1
            endLine(each)
        case (.fieldStart, UInt8(ascii: "\"")): state = .quoted
        case (.fieldStart, UInt8(ascii: ",")), (.plain, UInt8(ascii: ",")),
            (.quoteSeen, UInt8(ascii: ",")):
            endField()
        case (.fieldStart, _), (.plain, _):
            if byte == UInt8(ascii: "\"") {
                reject("a quote stands within a field that is not quoted")
            } else {
                field.append(byte)
                state = .plain
            }
        case (.quoteSeen, UInt8(ascii: "\"")):
            field.append(byte)
            state = .quoted
        case (.quoteSeen, 0x0D): break
        case (.quoteSeen, _): reject("something follows the quote that closes a field")
        }
    }

    private static let unclosed = "a quoted field is not closed"

    /// The line has ended; an empty one is no record.
    private mutating func endLine(_ each: (Record) -> Void) {
        // The return before a line's end is no part of its last field.
        if case .plain = state, previousWasReturn, field.last == 0x0D { field.removeLast() }
        let isEmpty = fields.isEmpty && field.isEmpty && !isQuoteSeen
        if !isEmpty { endField() }
        if isEmpty, wrong == nil { reset() } else { endRecord(each) }
    }

    private var isQuoteSeen: Bool {
        if case .quoteSeen = state { true } else { false }
    }

    private mutating func endField() {
        guard wrong == nil else { return }
        if fields.count >= Self.maximumFields {
            reject("the line has more than \(Self.maximumFields) fields")
            return
        }
        fields.append(field)
        field = []
        state = .fieldStart
    }

    private mutating func reject(_ reason: String) {
        if wrong == nil { wrong = reason }
        fields = []
        field = []
        state = .skipping
    }

    private mutating func endRecord(_ each: (Record) -> Void) {
        if let wrong {
            each(.wrong(wrong, line: line))
        } else if !fields.isEmpty {
            each(.fields(fields, line: line))
        }
        reset()
    }

    private mutating func reset() {
        state = .fieldStart
        fields = []
        field = []
        size = 0
        wrong = nil
        line += 1
    }
}

/// Writes records, every field quoted, as S3 does.
enum CSVWriter {
    /// Appends one record with its line break.
    static func append(_ fields: [[UInt8]], to output: inout [UInt8]) {
        for (place, field) in fields.enumerated() {
            if place > 0 { output.append(UInt8(ascii: ",")) }
            output.append(UInt8(ascii: "\""))
            for byte in field {
                if byte == UInt8(ascii: "\"") { output.append(byte) }
                output.append(byte)
            }
            output.append(UInt8(ascii: "\""))
        }
        output.append(0x0A)
    }
}

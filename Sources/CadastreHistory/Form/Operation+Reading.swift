/// A line of a history that cannot be read.
package struct HistoryFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Which line, from 1; 0 of the whole.
    package var line: Int
    /// What is wrong with it, for the end of a sentence.
    package var reason: String

    /// What is wrong where.
    package var description: String { line == 0 ? reason : "line \(line): \(reason)" }
}

/// Reads a history line by line.
package struct HistoryReader {
    /// Of memory some 400 bytes each.
    package static let maximumOperations = 5_000_000
    /// More than a page of 1,000 items with the longest keys, each byte as `%NN`, takes.
    package static let maximumLineSize = 4 << 20

    /// What was read.
    package private(set) var operations: [Operation] = []
    private var number = 0

    /// Nothing was read.
    package init() {}

    /// Reads the next line, without its end.
    ///
    /// - Throws: ``HistoryFault`` that names the line; empty lines are none.
    package mutating func read(_ line: [UInt8]) throws(HistoryFault) {
        number += 1
        guard line.count <= Self.maximumLineSize else { throw fault("it is longer than 4 MiB") }
        guard operations.count < Self.maximumOperations else {
            throw fault("a history has at most \(Self.maximumOperations) operations")
        }
        do throws(JSONParser.Fault) {
            operations.append(try Operation(Fields(try JSONParser.parse(line), of: "the line")))
        } catch {
            throw fault(error.reason)
        }
    }

    /// Reads a whole text.
    ///
    /// - Throws: ``HistoryFault`` that names the line; a last line without an end was being written
    ///   when its writer died, and is refused as well.
    package static func operations(in text: String) throws(HistoryFault) -> [Operation] {
        var reader = HistoryReader()
        var lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
        if lines.last?.isEmpty ?? false { lines.removeLast() }
        for line in lines { try reader.read(Array(line)) }
        return reader.operations
    }

    private func fault(_ reason: String) -> HistoryFault {
        HistoryFault(line: number, reason: reason)
    }
}

/// The members of an object, each of which is asked for once; what nobody asked for is a fault.
private struct Fields {
    private var members: [JSONValue.Member]
    private let name: String

    init(_ value: JSONValue, of name: String) throws(JSONParser.Fault) {
        guard case .object(let members) = value else {
            throw JSONParser.Fault(reason: "\(name) is no object {…}")
        }
        self.members = members
        self.name = name
    }

    /// The value of a member, if it is there.
    mutating func value(_ key: String) -> JSONValue? {
        guard let place = members.firstIndex(where: { $0.name == key }) else { return nil }
        return members.remove(at: place).value
    }

    mutating func optionalNumber(_ key: String) throws(JSONParser.Fault) -> UInt64? {
        switch value(key) {
        case nil, .null?: return nil
        case .number(let number)?: return number
        case _?: throw wrong(key, "a number")
        }
    }

    mutating func number(_ key: String) throws(JSONParser.Fault) -> UInt64 {
        guard let number = try optionalNumber(key) else { throw wrong(key, "a number") }
        return number
    }

    mutating func optionalText(_ key: String) throws(JSONParser.Fault) -> String? {
        switch value(key) {
        case nil, .null?: return nil
        case .text(let text)?: return text
        case _?: throw wrong(key, "a text")
        }
    }

    mutating func text(_ key: String) throws(JSONParser.Fault) -> String {
        guard let text = try optionalText(key) else { throw wrong(key, "a text") }
        return text
    }

    mutating func optionalBoolean(_ key: String) throws(JSONParser.Fault) -> Bool? {
        switch value(key) {
        case nil: return nil
        case .boolean(let value)?: return value
        case _?: throw wrong(key, "true or false")
        }
    }

    mutating func boolean(_ key: String) throws(JSONParser.Fault) -> Bool {
        guard let value = try optionalBoolean(key) else { throw wrong(key, "true or false") }
        return value
    }

    mutating func bytes(_ key: String) throws(JSONParser.Fault) -> [UInt8] {
        guard let bytes = Words.decode(try optionalText(key) ?? "") else {
            throw wrong(key, "a text with every % as %NN")
        }
        return bytes
    }

    mutating func condition() throws(JSONParser.Fault) -> Condition? {
        switch value("if") {
        case nil: return nil
        case .text("absent")?: return .absent
        case .text("present")?: return .present
        case .array(let values)?:
            var tags: [String] = []
            for value in values {
                guard case .text(let tag) = value else { throw wrong("if", "texts in it") }
                tags.append(tag)
            }
            return .match(tags)
        case _?: throw wrong("if", "\"absent\", \"present\" or an array")
        }
    }

    mutating func object() throws(JSONParser.Fault) -> Object {
        Object(
            etag: try text("etag"),
            size: try number("size"),
            sequence: try optionalNumber("put_sequence")
        )
    }

    func wrong(_ key: String, _ what: String) -> JSONParser.Fault {
        JSONParser.Fault(reason: "\"\(key)\" of \(name) must be \(what)")
    }

    /// Nothing is left that nobody asked for.
    func end() throws(JSONParser.Fault) {
        guard let other = members.first else { return }
        throw JSONParser.Fault(
            reason: "\"\(Words.plain(other.name))\" of \(name) is no known field"
        )
    }
}

extension Operation {
    fileprivate init(_ line: Fields) throws(JSONParser.Fault) {
        var line = line
        let process = try line.number("process")
        let kind = try line.text("kind")
        let tenant = try line.optionalText("tenant") ?? ""
        let key = try line.optionalText("key") ?? ""
        var input = try Fields(line.value("input") ?? .object([]), of: "\"input\"")
        let age = try input.optionalNumber("max_age_ns") ?? 0
        let isInBatch = try input.optionalBoolean("in_batch") ?? false
        let action = try Action(kind, key, &input)
        try input.end()
        let call = try line.number("call_ns")
        let end = try line.optionalNumber("return_ns")
        guard let output = line.value("output") else {
            throw line.wrong("output", "\"unknown\" or an object")
        }
        try line.end()
        guard output != .text("unknown") else {
            self.init(process: process, action, .unknown, call: call, return: nil)
            self.tenant = tenant
            self.isInBatch = isInBatch
            return
        }
        var fields = try Fields(output, of: "\"output\"")
        let sequence = try fields.optionalNumber("sequence")
        let index = try fields.optionalNumber("index")
        let outcome: Outcome
        if let reason = try fields.optionalText("refused") {
            outcome = .refused(reason)
        } else {
            outcome = .done(try Answer(to: action, &fields))
        }
        try fields.end()
        guard let end, end >= call else {
            throw JSONParser.Fault(
                reason: "\"return_ns\" must be a number and not before \"call_ns\", "
                    + "as the output is known"
            )
        }
        self.init(process: process, action, outcome, call: call, return: end)
        self.tenant = tenant
        self.index = index
        self.sequence = sequence
        self.isInBatch = isInBatch
        maximumAgeNanoseconds = age
    }
}

extension Action {
    fileprivate init(
        _ kind: String,
        _ key: String,
        _ input: inout Fields
    ) throws(JSONParser.Fault) {
        switch kind {
        case "read": self = .read(register: key)
        case "write": self = .write(register: key, value: try input.text("value"))
        case "cas":
            let expected = try input.optionalText("expected")
            self = .compareAndSet(
                register: key,
                expected: expected,
                value: try input.text("value")
            )
        case "put":
            let etag = try input.text("etag")
            let size = try input.number("size")
            self = .put(try Place(key), etag: etag, size: size, try input.condition())
        case "delete": self = .delete(try Place(key), try input.condition())
        case "get": self = .get(try Place(key))
        case "list":
            let prefix = try input.bytes("prefix")
            let after = try input.bytes("after")
            let maximum = Int(clamping: try input.number("maximum"))
            self = .list(
                bucket: try Self.bucket(key),
                prefix: prefix,
                after: after,
                maximum: maximum
            )
        case "usage": self = .usage(bucket: key.isEmpty ? nil : try Self.bucket(key))
        case "create_bucket": self = .createBucket(try Self.bucket(key))
        case "delete_bucket": self = .deleteBucket(try Self.bucket(key))
        case "set_quota":
            let objects = try input.optionalNumber("objects")
            self = .setQuota(objects: objects, bytes: try input.optionalNumber("bytes"))
        case "given":
            let place = try Place(key)
            self = .given(bucket: place.bucket, key: place.key.isEmpty ? nil : place.key)
        case _:
            throw JSONParser.Fault(
                reason: "\"kind\" is \"\(Words.plain(kind))\"; known are read, write, cas, put, "
                    + "delete, get, list, usage, create_bucket, delete_bucket, set_quota, given"
            )
        }
    }

    private static func bucket(_ text: String) throws(JSONParser.Fault) -> String {
        let place = try Place(text)
        guard place.key.isEmpty else {
            throw JSONParser.Fault(reason: "\"key\" must be a bucket's name and a slash")
        }
        return place.bucket
    }
}

extension Place {
    fileprivate init(_ text: String) throws(JSONParser.Fault) {
        guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else {
            throw JSONParser.Fault(reason: "\"key\" must be bucket/key")
        }
        guard let key = Words.decode(text[text.utf8.index(after: slash)...]) else {
            throw JSONParser.Fault(reason: "\"key\" must have every % as %NN")
        }
        self.init(String(text[..<slash]), key)
    }
}

extension Answer {
    fileprivate init(to action: Action, _ fields: inout Fields) throws(JSONParser.Fault) {
        switch action {
        case .write, .put, .createBucket, .deleteBucket, .setQuota: self = .happened
        case .read: self = .value(try fields.optionalText("value"))
        case .compareAndSet: self = .swapped(try fields.boolean("swapped"))
        case .delete: self = .removed(try fields.boolean("removed"))
        case .get: self = .object(try fields.object())
        case .given(_, let key): self = key == nil ? .happened : .object(try fields.object())
        case .usage:
            let objects = try fields.number("objects")
            self = .usage(objects: objects, bytes: try fields.number("bytes"))
        case .list:
            guard case .array(let values)? = fields.value("items") else {
                throw fields.wrong("items", "an array")
            }
            var items: [Item] = []
            for value in values {
                var item = try Fields(value, of: "an item")
                let key = try item.bytes("key")
                items.append(Item(key: key, object: try item.object()))
                try item.end()
            }
            self = .page(items, isTruncated: try fields.boolean("truncated"))
        }
    }
}

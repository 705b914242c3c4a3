@testable import CadastreHistory
import Testing

/// A history told operation by operation, for people who read tests: `1…5` is the time from call to
/// answer.
struct Telling {
    var operations: [Operation] = []

    @discardableResult
    mutating func add(
        _ process: UInt64,
        _ action: Action,
        _ outcome: Outcome,
        _ times: ClosedRange<UInt64>,
        index: UInt64? = nil,
        sequence: UInt64? = nil
    ) -> Int {
        var operation = Operation(
            process: process,
            action,
            outcome,
            call: times.lowerBound,
            return: outcome == .unknown ? nil : times.upperBound
        )
        operation.index = index
        operation.sequence = sequence
        operations.append(operation)
        return operations.count - 1
    }

    // MARK: Registers

    mutating func write(_ process: UInt64, _ value: String, _ times: ClosedRange<UInt64>) {
        add(process, .write(register: "x", value: value), .done(.happened), times)
    }

    mutating func writeUnknown(_ process: UInt64, _ value: String, from time: UInt64) {
        add(process, .write(register: "x", value: value), .unknown, time...time)
    }

    mutating func read(_ process: UInt64, _ value: String?, _ times: ClosedRange<UInt64>) {
        add(process, .read(register: "x"), .done(.value(value)), times)
    }

    mutating func cas(
        _ process: UInt64,
        _ expected: String?,
        _ value: String,
        _ isSwapped: Bool?,
        _ times: ClosedRange<UInt64>
    ) {
        add(
            process,
            .compareAndSet(register: "x", expected: expected, value: value),
            isSwapped.map { .done(.swapped($0)) } ?? .unknown,
            times
        )
    }

    // MARK: Objects

    static func place(_ key: String) -> Place { Place("b", Array(key.utf8)) }

    mutating func put(
        _ process: UInt64,
        _ key: String,
        _ etag: String,
        _ times: ClosedRange<UInt64>,
        if condition: Condition? = nil,
        _ outcome: Outcome = .done(.happened),
        index: UInt64? = nil,
        sequence: UInt64? = nil
    ) {
        let action = Action.put(Self.place(key), etag: etag, size: 1, condition)
        add(process, action, outcome, times, index: index, sequence: sequence)
    }

    mutating func delete(
        _ process: UInt64,
        _ key: String,
        _ isRemoved: Bool?,
        _ times: ClosedRange<UInt64>,
        sequence: UInt64? = nil
    ) {
        let outcome = isRemoved.map { Outcome.done(.removed($0)) } ?? .unknown
        add(process, .delete(Self.place(key), nil), outcome, times, sequence: sequence)
    }

    mutating func get(
        _ process: UInt64,
        _ key: String,
        _ etag: String?,
        _ times: ClosedRange<UInt64>,
        index: UInt64? = nil,
        putSequence: UInt64? = nil
    ) {
        let outcome =
            etag.map { Outcome.done(.object(Object(etag: $0, size: 1, sequence: putSequence))) }
            ?? .refused("noSuchObject")
        add(process, .get(Self.place(key)), outcome, times, index: index)
    }

    mutating func list(
        _ process: UInt64,
        _ items: [String],
        _ times: ClosedRange<UInt64>,
        prefix: String = "",
        after: String = "",
        maximum: Int = 1_000,
        isTruncated: Bool = false
    ) {
        let all = items.map { text in
            let parts = text.split(separator: "=").map(String.init)
            return Item(key: Array(parts[0].utf8), object: Object(etag: parts[1], size: 1))
        }
        add(
            process,
            .list(
                bucket: "b",
                prefix: Array(prefix.utf8),
                after: Array(after.utf8),
                maximum: maximum
            ),
            .done(.page(all, isTruncated: isTruncated)),
            times
        )
    }

    mutating func usage(_ process: UInt64, _ objects: UInt64, _ times: ClosedRange<UInt64>) {
        let answer = Answer.usage(objects: objects, bytes: objects)
        add(process, .usage(bucket: "b"), .done(answer), times)
    }

    mutating func quota(_ process: UInt64, objects: UInt64, _ times: ClosedRange<UInt64>) {
        add(process, .setQuota(objects: objects, bytes: nil), .done(.happened), times)
    }
}

/// A hand-made history and what must be said of it.
struct Example: Sendable, CustomTestStringConvertible {
    var name: String
    var operations: [Operation]

    init(_ name: String, _ tell: (inout Telling) -> Void) {
        self.name = name
        var telling = Telling()
        tell(&telling)
        operations = telling.operations
    }

    var testDescription: String { name }
}

internal import Foundation
internal import Synchronization

/// Where the tool writes: results to standard output, everything else to standard error.
struct Console: Sendable {
    /// Whether results are JSON.
    var isJSON: Bool

    /// Whether a person watches standard error.
    static var isErrorTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    /// Prints a line for people; nothing with `--json`.
    ///
    /// What comes from outside must be escaped.
    func line(_ text: String) {
        if !isJSON { Self.print(text + "\n") }
    }

    /// Prints a value for programs, on one line; nothing without `--json`.
    func json(_ value: some Encodable) {
        guard isJSON else { return }
        Self.hasPrintedJSON.store(true, ordering: .relaxed)
        Self.print(Self.encoded(value) + "\n")
    }

    /// Prints a failure for programs, unless a report that says it too was printed before.
    func json(failure: Failure) {
        if !Self.hasPrintedJSON.load(ordering: .relaxed) { json(failure.json) }
    }

    private static let hasPrintedJSON = Atomic(false)

    /// Prints a remark on standard error.
    static func remark(_ text: String) {
        // Nobody can be told that nobody can be told.
        _ = Descriptor.write((text + "\n").utf8, to: STDERR_FILENO)
    }

    /// Prints on standard output; remembers the first error and prints nothing after it.
    static func print(_ text: String) {
        print(Array(text.utf8))
    }

    /// Prints bytes on standard output.
    static func print(_ bytes: [UInt8]) {
        guard !isOutputLost else { return }
        let error = Descriptor.write(bytes, to: STDOUT_FILENO)
        if error != 0 { outputError.store(error, ordering: .relaxed) }
    }

    private static let outputError = Atomic<Int32>(0)

    /// Whether standard output takes no more: a verb that only prints may end.
    static var isOutputLost: Bool { outputError.load(ordering: .relaxed) != 0 }

    /// Why the results did not arrive; nil if they did, or if their reader wanted no more of them,
    /// as `head` does.
    static var outputFailure: Failure? {
        let error = outputError.load(ordering: .relaxed)
        guard error != 0, error != EPIPE else { return nil }
        return Failure(
            .inputOutput,
            "the results could not be written to standard output: \(SystemError.text(error))",
            advice: "make room or write elsewhere; what was changed in the cluster stays changed"
        )
    }

    /// One line of JSON with keys in order.
    ///
    /// Characters that could act on a terminal are written as `\uNNNN`, which JSON reads back.
    static func encoded(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Escaped.json(String(decoding: try encoder.encode(value), as: UTF8.self))
        } catch {
            // Only numbers that are not finite cannot be encoded, and none is printed.
            preconditionFailure("an output could not be encoded: \(error)")
        }
    }
}

/// A name or key in JSON: as text if it is UTF-8, and in base64 if it is not.
struct NameOutput: Encodable, Sendable {
    private let bytes: [UInt8]

    /// Takes the bytes.
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    func encode(to encoder: any Encoder) throws {
        if let text = String(validating: bytes, as: UTF8.self) {
            var container = encoder.singleValueContainer()
            try container.encode(text)
        } else {
            var container = encoder.container(keyedBy: Key.self)
            try container.encode(Data(bytes).base64EncodedString(), forKey: .base64)
        }
    }

    private enum Key: String, CodingKey {
        case base64
    }
}

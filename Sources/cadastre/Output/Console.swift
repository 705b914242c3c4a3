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
        if !isJSON { Self.write(text + "\n", to: STDOUT_FILENO) }
    }

    /// Prints a value for programs, on one line; nothing without `--json`.
    func json(_ value: some Encodable) {
        guard isJSON else { return }
        Self.hasPrintedJSON.store(true, ordering: .relaxed)
        Self.write(Self.encoded(value) + "\n", to: STDOUT_FILENO)
    }

    /// Prints a failure for programs, unless a report that says it too was printed before.
    func json(failure: Failure) {
        if !Self.hasPrintedJSON.load(ordering: .relaxed) { json(failure.json) }
    }

    private static let hasPrintedJSON = Atomic(false)

    /// Prints a remark on standard error.
    static func remark(_ text: String) {
        write(text + "\n", to: STDERR_FILENO)
    }

    /// One line of JSON with keys in order.
    static func encoded(_ value: some Encodable) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return String(decoding: try encoder.encode(value), as: UTF8.self)
        } catch {
            // Only numbers that are not finite cannot be encoded, and none is printed.
            preconditionFailure("an output could not be encoded: \(error)")
        }
    }

    /// Writes all bytes, whatever the pipe takes at a time.
    static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Foundation.write(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            // Nobody reads any more: there is nobody to tell.
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}

/// A name or key in JSON: as text if it is UTF-8, and in base64 if it is not.
struct NameOutput: Encodable {
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

package import Foundation
package import Logging
internal import NIOConcurrencyHelpers

/// Writes each log event as one line of JSON: time, level, label and message first, then the
/// metadata in order of its keys.
///
/// Nothing from outside can break a line or forge a field.
package struct StructuredLog: LogHandler {
    /// Takes finished lines, each with its end.
    package typealias Sink = @Sendable (String) -> Void

    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    private let label: String
    private let sink: Sink
    private let now: @Sendable () -> Date

    /// Writes lines at or above a level.
    ///
    /// - Parameters:
    ///   - label: Which part of the program speaks.
    ///   - level: The least important lines that are written.
    ///   - now: The moment of a line; the wall clock unless a test says otherwise.
    ///   - sink: Standard error, without waiting for it, unless a test says otherwise.
    package init(
        label: String,
        level: Logger.Level,
        now: @escaping @Sendable () -> Date = { Date() },
        sink: @escaping Sink = { LogWriter.standardError.write($0) }
    ) {
        self.label = label
        logLevel = level
        self.now = now
        self.sink = sink
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var line = "{\"time\":\"\(Self.time(now()))\",\"level\":\"\(event.level.rawValue)\""
        line += ",\"log\":" + Self.quoted(label)
        line += ",\"message\":" + Self.quoted(event.message.description)
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            line += "," + Self.quoted(key) + ":" + Self.json(value)
        }
        sink(line + "}\n")
    }

    /// RFC 3339 in UTC with milliseconds.
    private static func time(_ date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    private static func json(_ value: Logger.MetadataValue) -> String {
        switch value {
        case .string(let text): quoted(text)
        case .stringConvertible(let number as any BinaryInteger): "\(number)"
        case .stringConvertible(let bool as Bool): "\(bool)"
        case .stringConvertible(let other): quoted("\(other)")
        case .array(let elements): "[\(elements.map(json).joined(separator: ","))]"
        case .dictionary(let members):
            "{"
                + members.sorted { $0.key < $1.key }
                .map { "\(quoted($0.key)):\(json($0.value))" }
                .joined(separator: ",") + "}"
        }
    }

    /// A JSON text; everything that a terminal could act on is escaped.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _
            where scalar.properties.generalCategory == .control
                || scalar.properties.generalCategory == .format
                || scalar.value == 0x2028 || scalar.value == 0x2029:
                for unit in UTF16.encode(scalar).map(Array.init) ?? [] {
                    let digits = String(unit, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            case let other: result.unicodeScalars.append(other)
            }
        }
        return result + "\""
    }
}

/// Lets through a few events of one kind a second, and counts the others.
package final class LogRate: Sendable {
    private struct State {
        var second: UInt64 = 0
        var count = 0
        var suppressed = 0
    }

    private let perSecond: Int
    private let state = NIOLockedValueBox(State())

    /// Lets through this many a second.
    package init(perSecond: Int) {
        self.perSecond = perSecond
    }

    /// Whether an event at this moment may be written, and how many were not since the last one.
    ///
    /// - Parameter moment: Nanoseconds of a clock that never goes back.
    /// - Returns: How many were suppressed before this one; nil if this one is too.
    package func admit(at moment: UInt64) -> Int? {
        state.withLockedValue { state in
            let second = moment / 1_000_000_000
            if second != state.second {
                state.second = second
                state.count = 0
            }
            guard state.count < perSecond else {
                state.suppressed += 1
                return nil
            }
            state.count += 1
            defer { state.suppressed = 0 }
            return state.suppressed
        }
    }
}

/// Every way in for bytes that others made: a peer, a client, a disk, a file of an operator.
///
/// Fed by libFuzzer (`Tests/Fuzz`, `Cluster/fuzz`) with what it finds, and by `swift test` with what
/// was kept of that.
package enum Decoder: String, CaseIterable, Sendable {
    case frame
    case greeting
    case peerMessage = "peer-message"
    case snapshotMessage = "snapshot-message"
    case repairMessage = "repair-message"
    case request
    case reply
    case command
    case query
    case answer
    case administration
    case administrationAnswer = "administration-answer"
    case envelope
    case entry
    case block
    case record
    case configuration
    case snapshotManifest = "snapshot-manifest"
    case snapshotChunk = "snapshot-chunk"
    case settings
    case genesis
    case inventoryLine = "inventory-line"

    /// Feeds it bytes: to refuse them with an error is right, to take them obliges.
    ///
    /// - Returns: Whether it took them.
    /// - Throws: `BrokenRule` when what was taken does not keep what its decoder promises.
    package func judge(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        switch self {
        case .frame: try Rules.frame(bytes)
        case .greeting: try Rules.greeting(bytes)
        case .peerMessage: try Rules.peerMessage(bytes)
        case .snapshotMessage: try Rules.snapshotMessage(bytes)
        case .repairMessage: try Rules.repairMessage(bytes)
        case .request: try Rules.request(bytes)
        case .reply: try Rules.reply(bytes)
        case .command: try Rules.command(bytes)
        case .query: try Rules.query(bytes)
        case .answer: try Rules.answer(bytes)
        case .administration: try Rules.administration(bytes)
        case .administrationAnswer: try Rules.administrationAnswer(bytes)
        case .envelope: try Rules.envelope(bytes)
        case .entry: try Rules.entry(bytes)
        case .block: try Rules.block(bytes)
        case .record: try Rules.record(bytes)
        case .configuration: try Rules.configuration(bytes)
        case .snapshotManifest: try Rules.snapshotManifest(bytes)
        case .snapshotChunk: try Rules.snapshotChunk(bytes)
        case .settings: try Rules.settings(bytes)
        case .genesis: try Rules.genesis(bytes)
        case .inventoryLine: try Rules.inventoryLine(bytes)
        }
    }

    /// Bytes of an input, at most: more finds little more and costs much.
    package var maximumSize: Int {
        switch self {
        case .greeting: 128
        case .inventoryLine: 1_024
        case .record: 4_096
        default: 2_048
        }
    }
}

/// What a decoder promises and did not keep.
package struct BrokenRule: Error, Hashable, Sendable, CustomStringConvertible {
    /// In words.
    package var description: String

    /// Says what was broken.
    init(_ description: String) { self.description = description }
}

/// What must hold of what each decoder takes; the files beside this one.
enum Rules {
    /// One meaning, one encoding: what is taken is written again as the very same bytes.
    static func exact<Value>(
        _ bytes: [UInt8],
        _ decode: ([UInt8]) throws -> Value,
        _ encode: (Value) -> [UInt8]
    ) throws(BrokenRule) -> Value? {
        guard let value = try? decode(bytes) else { return nil }
        guard encode(value) == bytes else {
            throw BrokenRule("it is written again as other bytes than those that were read")
        }
        return value
    }

    /// Several encodings, one meaning: what is taken is read again as the same value, and from then
    /// on written as the same bytes.
    static func stable<Value: Equatable>(
        _ bytes: [UInt8],
        _ decode: ([UInt8]) throws -> Value,
        _ encode: (Value) -> [UInt8]
    ) throws(BrokenRule) -> Value? {
        guard let value = try? decode(bytes) else { return nil }
        let written = encode(value)
        guard let again = try? decode(written) else {
            throw BrokenRule("what was read is refused when it is written again")
        }
        guard again == value else { throw BrokenRule("it is read again as another value") }
        guard encode(again) == written else {
            throw BrokenRule("one value is written in two ways")
        }
        return value
    }

    /// Refuses what does not hold.
    static func require(
        _ condition: Bool,
        _ rule: @autoclosure () -> String
    ) throws(BrokenRule) {
        guard condition else { throw BrokenRule(rule()) }
    }
}

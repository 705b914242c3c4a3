package import CadastreProtocol

/// A change that the cluster can be asked to make; its value is what a done one yields.
///
/// To add one: a message in the schema, and a type like those in `Changes.swift`.
public protocol ClientCommand: Sendable {
    /// What comes of it when it is done.
    associatedtype Value: Sendable

    /// The request as the protocol has it.
    var encoded: EncodedRequest { get }

    /// What the receipt of a done command means.
    static func value(of receipt: Receipt) -> Value
}

/// Something to read from the state; its value is the answer.
public protocol ClientQuery: Sendable {
    /// The answer.
    associatedtype Value: Sendable

    /// The request as the protocol has it.
    var encoded: EncodedRequest { get }

    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this query.
    static func value(of reply: EncodedReply) throws(UnreadableReply) -> Value
}

/// Something to ask of one node, outside the log; its value is the answer.
public protocol ClientAdministration: Sendable {
    /// The answer.
    associatedtype Value: Sendable

    /// The request as the protocol has it.
    var encoded: EncodedRequest { get }

    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this request.
    static func value(of reply: EncodedReply) throws(UnreadableReply) -> Value
}

/// A request as the protocol has it.
public struct EncodedRequest: Sendable, Hashable {
    /// What is asked.
    package let content: RequestContent

    /// Takes what is asked.
    init(_ content: RequestContent) { self.content = content }
}

/// A reply as the protocol has it.
public struct EncodedReply: Sendable, Hashable {
    /// What was answered.
    package let content: ReplyContent

    /// Takes what was answered.
    init(_ content: ReplyContent) { self.content = content }
}

/// An answer that could not be read, so from a faulty or much newer server.
public struct UnreadableReply: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was wrong.
    public let description: String

    /// Says what was wrong.
    init(_ description: String) { self.description = description }
}

/// What a done command brought.
public struct Receipt: Sendable, Hashable {
    /// The id that was given, or how many things were removed, or 0.
    public let number: UInt64
    /// The change's place in the cluster's order; 0 where nothing changed.
    public let sequence: UInt64

    /// Makes a receipt.
    public init(number: UInt64, sequence: UInt64) {
        self.number = number
        self.sequence = sequence
    }
}

/// An answer, and as of when it is.
public struct Dated<Value: Sendable>: Sendable {
    /// The answer.
    public let value: Value
    /// The applied index at which it was made: ``Freshness/atLeast(index:)`` of it, at any node, sees
    /// nothing older.
    public let appliedIndex: UInt64

    /// Dates an answer.
    public init(_ value: Value, appliedIndex: UInt64) {
        self.value = value
        self.appliedIndex = appliedIndex
    }
}

/// How fresh an answer must be.
public enum Freshness: Sendable, Hashable {
    /// As of now: sees every write that was acknowledged before the question was asked.
    case linearizable
    /// As of this applied index or later.
    case atLeast(index: UInt64)
    /// What was acknowledged so many milliseconds before the question reached the node is in it, by
    /// the node's own clock; the first such question in that time costs a word with the leader, the
    /// others none.
    case bounded(milliseconds: UInt64)
    /// As any node has it, however old.
    case any
}

extension Receipt {
    /// Of the reply to a command; nil of another.
    init?(_ content: ReplyContent) {
        guard case .command(let reply) = content else { return nil }
        self.init(number: reply.number, sequence: reply.sequence)
    }
}

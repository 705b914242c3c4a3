package import CadastreProtocol
package import RaftCore

/// I6 and I7: what clients were told, against the committed log played on a naive model.
///
/// The log is the witness of the order: each command takes effect where its identity first stands in
/// it, each read at the applied index that its reply names. What is checked is that this order is a
/// linearization: nothing takes effect before it was asked for or after it was answered, and every
/// answer is what the model says at that place.
package struct ClientHistory {
    /// One object.
    package struct Key: Hashable, Sendable {
        /// Of which tenant.
        package var tenant: TenantID
        /// In which bucket.
        package var bucket: [UInt8]
        /// Under which key.
        package var key: [UInt8]

        /// Names an object.
        package init(tenant: TenantID, bucket: [UInt8], key: [UInt8]) {
            self.tenant = tenant
            self.bucket = bucket
            self.key = key
        }
    }

    /// What a command does to the model; values are entity tags, each used once.
    package enum Action: Hashable, Sendable {
        /// The object gets this value.
        case put(Key, [UInt8])
        /// It gets it if there is none.
        case putIfAbsent(Key, [UInt8])
        /// There is no object any more.
        case delete(Key)
        /// Nothing that the model holds.
        case other
    }

    /// By what a command is recognised.
    package struct Identity: Hashable, Sendable {
        var session: UInt64
        var slot: UInt32
        var sequence: UInt64

        /// Names a command.
        package init(session: UInt64, slot: UInt32, sequence: UInt64) {
            self.session = session
            self.slot = slot
            self.sequence = sequence
        }
    }

    private struct Write {
        var identity: Identity
        var action: Action
        /// Everything through here was answered before the command was first sent.
        var floor: LogIndex
        var attempts = 0
        var refusedAttempts = 0
        var occurrences = 0
        /// Where it took effect.
        var appliedAt: LogIndex?
        /// What its reply must say.
        var expected: (refusal: Refusal?, removed: Bool) = (nil, false)
        var reply: Reply?
    }

    private struct Slot: Hashable {
        var session: UInt64
        var slot: UInt32
    }

    private struct Bucket: Hashable {
        var tenant: TenantID
        var bucket: [UInt8]
    }

    private var writes: [Write] = []
    /// The next four are looked up, never iterated.
    private var places: [Identity: Int] = [:]
    private var newest: [Slot: UInt64] = [:]
    private var values: [Key: [(at: LogIndex, value: [UInt8]?)]] = [:]
    private var keys: [Bucket: [[UInt8]]] = [:]
    /// Everything through here was answered to somebody.
    package private(set) var floor: LogIndex = .zero
    /// Commands and reads that were answered.
    package private(set) var answered = 0

    /// Nobody asked anything yet.
    package init() {}

    // MARK: What clients do

    /// A client is about to send a command for the first time.
    ///
    /// - Returns: By which number the history knows it.
    package mutating func begins(_ action: Action, as identity: Identity) -> Int {
        places[identity] = writes.count
        writes.append(Write(identity: identity, action: action, floor: floor))
        return writes.count - 1
    }

    /// The command is sent, for the first time or again.
    package mutating func attempts(_ write: Int) { writes[write].attempts += 1 }

    /// A node said to one attempt that nothing happened and nothing will.
    ///
    /// - Throws: If the command stands in the log more often than it could.
    package mutating func refused(_ write: Int) throws(Violation) {
        writes[write].refusedAttempts += 1
        try checkOccurrences(writes[write])
    }

    /// A reply to the command came.
    ///
    /// - Throws: If it is not in the log, or out of order in time, or says what the model does not.
    package mutating func acknowledged(
        _ write: Int,
        _ reply: Reply,
        at index: LogIndex
    ) throws(Violation) {
        let known = writes[write]
        if let first = known.reply {
            // A late attempt of a command whose slot went on is answered by its lateness.
            guard reply == first || reply.refusal == .sequenceOutOfOrder else {
                throw Violation(
                    .acknowledgedWrites,
                    "\(known.identity) was answered \(first), and later \(reply)"
                )
            }
            return
        }
        guard let appliedAt = known.appliedAt, appliedAt <= index else {
            throw Violation(
                .acknowledgedWrites,
                "\(known.identity) is answered at index \(index), but the committed log "
                    + (known.appliedAt.map { "has it at \($0)" } ?? "does not have it")
            )
        }
        guard appliedAt > known.floor else {
            throw Violation(
                .linearizability,
                "\(known.identity) took effect at \(appliedAt), though \(known.floor) had been "
                    + "answered before it was sent"
            )
        }
        try check(reply, against: known)
        writes[write].reply = reply
        floor = max(floor, appliedAt)
        answered += 1
    }

    private func check(_ reply: Reply, against write: Write) throws(Violation) {
        switch write.action {
        case .other: return
        case .put, .putIfAbsent:
            guard reply.refusal == write.expected.refusal else { break }
            return
        case .delete:
            let isDone = reply.refusal == nil || reply.refusal == .noSuchObject
            guard isDone, (reply.number == 1) == write.expected.removed else { break }
            return
        }
        throw Violation(
            .acknowledgedWrites,
            "\(write.action) as \(write.identity) is answered \(reply), expected \(write.expected)"
        )
    }

    /// A read of one object was answered; `floor` is what ``floor`` was when it was sent.
    ///
    /// - Throws: If that is not what stood there, or is too old.
    package mutating func read(
        _ key: Key,
        _ value: [UInt8]?,
        at index: LogIndex,
        floor before: LogIndex
    ) throws(Violation) {
        try check(index, notBefore: before)
        guard value == self.value(of: key, at: index) else {
            throw Violation(
                .linearizability,
                "a read of \(name(key.key)) at \(index) gives \(name(value)), the log says "
                    + name(self.value(of: key, at: index))
            )
        }
    }

    /// A list of a whole bucket was answered.
    ///
    /// - Throws: As ``read(_:_:at:floor:)``.
    package mutating func listed(
        tenant: TenantID,
        bucket: [UInt8],
        _ objects: [(key: [UInt8], value: [UInt8])],
        at index: LogIndex,
        floor before: LogIndex
    ) throws(Violation) {
        try check(index, notBefore: before)
        let all = keys[Bucket(tenant: tenant, bucket: bucket)] ?? []
        var expected: [(key: [UInt8], value: [UInt8])] = []
        for key in all {
            let place = Key(tenant: tenant, bucket: bucket, key: key)
            if let value = value(of: place, at: index) { expected.append((key, value)) }
        }
        guard
            expected.count == objects.count,
            zip(expected, objects).allSatisfy({ $0.key == $1.key && $0.value == $1.value })
        else {
            throw Violation(
                .linearizability,
                "a list of \(name(bucket)) at \(index) gives \(objects.map { name($0.key) }), "
                    + "the log says \(expected.map { name($0.key) })"
            )
        }
    }

    private mutating func check(
        _ index: LogIndex,
        notBefore before: LogIndex
    ) throws(Violation) {
        guard index >= before else {
            throw Violation(
                .linearizability,
                "a read is answered at index \(index), though \(before) had been answered before "
                    + "it was sent"
            )
        }
        floor = max(floor, index)
        answered += 1
    }

    // MARK: What the log says

    /// Entries are committed, in the order of the log.
    ///
    /// - Returns: How many of the commands were in the log before.
    /// - Throws: If a command stands there more often than it was sent and not refused.
    package mutating func committed(
        _ commands: [CommandEnvelope],
        at index: LogIndex
    ) throws(Violation) -> Int {
        var duplicates = 0
        for command in commands {
            guard case .slot(let session, let slot, let sequence) = command.identity else {
                continue
            }
            let identity = Identity(session: session, slot: slot, sequence: sequence)
            guard let write = places[identity] else {
                throw Violation(.acknowledgedWrites, "\(identity) is in the log, nobody sent it")
            }
            writes[write].occurrences += 1
            if writes[write].occurrences > 1 { duplicates += 1 }
            try checkOccurrences(writes[write])
            let place = Slot(session: session, slot: slot)
            guard sequence == (newest[place] ?? 0) + 1 else { continue }
            newest[place] = sequence
            apply(write, at: index)
        }
        return duplicates
    }

    private mutating func apply(_ write: Int, at index: LogIndex) {
        writes[write].appliedAt = index
        switch writes[write].action {
        case .put(let key, let value): set(key, value, at: index)
        case .putIfAbsent(let key, let value):
            if self.value(of: key, at: index) == nil {
                set(key, value, at: index)
            } else {
                writes[write].expected.refusal = .preconditionFailed
            }
        case .delete(let key):
            writes[write].expected.removed = value(of: key, at: index) != nil
            set(key, nil, at: index)
        case .other: break
        }
    }

    private mutating func set(_ key: Key, _ value: [UInt8]?, at index: LogIndex) {
        if values[key] == nil {
            let bucket = Bucket(tenant: key.tenant, bucket: key.bucket)
            var all = keys[bucket] ?? []
            let place = all.firstIndex { key.key.lexicographicallyPrecedes($0) } ?? all.count
            all.insert(key.key, at: place)
            keys[bucket] = all
        }
        values[key, default: []].append((index, value))
    }

    private func value(of key: Key, at index: LogIndex) -> [UInt8]? {
        values[key]?.last { $0.at <= index }?.value
    }

    private func checkOccurrences(_ write: Write) throws(Violation) {
        guard write.occurrences <= write.attempts - write.refusedAttempts else {
            throw Violation(
                .acknowledgedWrites,
                "\(write.identity) stands \(write.occurrences) times in the log; it was sent "
                    + "\(write.attempts) times, of which \(write.refusedAttempts) were refused"
            )
        }
    }

    // MARK: The end

    /// Whether a reply to a command came.
    package func isAnswered(_ write: Int) -> Bool { writes[write].reply != nil }

    /// Whether a command took effect.
    package func isApplied(_ write: Int) -> Bool { writes[write].appliedAt != nil }

    private func name(_ bytes: [UInt8]?) -> String {
        bytes.map { "'\(String(decoding: $0, as: UTF8.self))'" } ?? "nothing"
    }
}

package import CadastreNode
internal import CadastreProtocol
package import RaftCore

/// I6 and I7, attempt by attempt: each sending of a request, from its arrival at a node to the one
/// answer that leaves it.
///
/// - A command stands in the log once for each time that it arrived somewhere, was not refused, and
///   was drawn into a block; which attempt that was follows from the order of arrival.
/// - An attempt is answered once at most, by the process it arrived at; with a reply only after its
///   own place in the log is committed, with a refusal only if it never got a place, or another
///   entry was committed there, or one of a later term before it.
/// - Nothing takes effect, and no read is answered, at or before an index that had left a node in an
///   answer before the request arrived; of a read that may be of some age, before that long ago. So the log is a linear order of all requests that agrees
///   with real time.
package struct AttemptLedger {
    /// One life of one process.
    package struct Life: Hashable, Sendable {
        /// Whose.
        package var place: Int
        /// Which.
        package var number: Int

        /// Names a life.
        package init(place: Int, number: Int) {
            self.place = place
            self.number = number
        }
    }

    /// What an attempt asks for.
    package enum Request: Hashable, Sendable {
        /// The bytes as they will stand in the log.
        case command([UInt8])
        /// A question.
        case query
    }

    /// A command's place in a log, committed or not.
    package struct Proposal: Hashable, Sendable {
        /// Of its entry.
        package var position: LogPosition
        /// The how-manieth of the entry's commands.
        package var ordinal: Int
    }

    private struct Attempt {
        var request: Request
        var life: Life
        /// Everything through here had been answered to somebody before it arrived.
        var floor: LogIndex
        var proposal: Proposal?
        var isAnswered = false
    }

    /// By what a client numbers its attempts; looked up, never iterated.
    private var attempts: [UInt64: Attempt] = [:]
    /// Commands that arrived at a place and have no block yet, by their bytes, oldest first.
    private var waiting: [[[UInt8]: [UInt64]]]
    /// Which attempt each command of a block was; nil for what no client sent.
    private var blocks: [LogPosition: [UInt64?]] = [:]
    /// In the order of arrival; what was answered is taken out now and then.
    private var open: [UInt64] = []
    /// Everything through here was answered to somebody.
    package private(set) var floor: LogIndex = .zero
    /// When it rose, and to what; ascending.
    private var floors: [(time: UInt64, index: LogIndex)] = []
    /// Answers that were checked.
    package private(set) var answered = 0

    /// Nobody asked anything yet.
    package init(nodes: Int) { waiting = Array(repeating: [:], count: nodes) }

    // MARK: Arrival

    /// An attempt reached a process.
    ///
    /// - Parameters:
    ///   - number: As its client numbers it.
    ///   - request: What it asks for.
    ///   - life: Whom it reached.
    ///   - floor: What it must see at least; nil: everything that was answered.
    /// - Throws: If its number was used before.
    package mutating func arrives(
        _ number: UInt64,
        _ request: Request,
        at life: Life,
        seeing floor: LogIndex? = nil
    ) throws(Violation) {
        guard attempts[number] == nil else {
            throw Violation(.acknowledgedWrites, "attempt \(number) arrives twice")
        }
        attempts[number] = Attempt(request: request, life: life, floor: floor ?? self.floor)
        open.append(number)
        guard case .command(let bytes) = request else { return }
        waiting[life.place][bytes, default: []].append(number)
    }

    /// A process ended: nobody waits for its answers any more.
    package mutating func ended(_ place: Int) {
        waiting[place] = [:]
        open.removeAll { attempts[$0]?.life.place == place }
    }

    /// What had been answered to somebody by then.
    package func floor(at time: UInt64) -> LogIndex {
        floors.last { $0.time <= time }?.index ?? .zero
    }

    private mutating func answered(at index: LogIndex, _ time: UInt64) {
        guard index > floor else { return }
        floor = index
        floors.append((time, index))
    }

    // MARK: The log

    /// What waited is refused in this turn, before the turn's blocks are looked at.
    package mutating func withdraws(_ number: UInt64) {
        guard let attempt = attempts[number], attempt.proposal == nil,
            case .command(let bytes) = attempt.request
        else { return }
        waiting[attempt.life.place][bytes]?.removeAll { $0 == number }
    }

    /// A leader puts a block into its log; commands of nodes are nil.
    ///
    /// - Throws: If a command did not arrive there so often.
    package mutating func proposes(
        _ commands: [[UInt8]?],
        at position: LogPosition,
        in place: Int
    ) throws(Violation) {
        var numbers: [UInt64?] = []
        for (ordinal, bytes) in commands.enumerated() {
            guard let bytes else {
                numbers.append(nil)
                continue
            }
            guard let number = waiting[place][bytes]?.first else {
                throw Violation(
                    .acknowledgedWrites,
                    "node \(place + 1) proposes at \(position) a command, number \(ordinal) of "
                        + "the block, that does not wait there: it was refused, or drawn before, "
                        + "or never sent"
                )
            }
            waiting[place][bytes]?.removeFirst()
            attempts[number]?.proposal = Proposal(position: position, ordinal: ordinal)
            numbers.append(number)
        }
        blocks[position] = numbers
    }

    /// A block is committed.
    ///
    /// - Throws: If nobody proposed it, or one of its attempts came after the index was answered.
    package func commits(_ count: Int, at position: LogPosition) throws(Violation) {
        guard let numbers = blocks[position] ?? (count == 0 ? [] : nil), numbers.count == count
        else {
            throw Violation(
                .acknowledgedWrites,
                "\(count) commands are committed at \(position), which no leader proposed"
            )
        }
        for case let number? in numbers {
            guard let attempt = attempts[number], attempt.floor >= position.index else { continue }
            throw Violation(
                .linearizability,
                "attempt \(number) is committed at \(position), though \(attempt.floor) had been "
                    + "answered before it arrived"
            )
        }
    }

    // MARK: Answers

    /// An answer leaves a node.
    ///
    /// - Parameters:
    ///   - reply: What it says.
    ///   - life: Who says it.
    ///   - now: When.
    ///   - committed: The last that is committed at an index or before it, as far as anybody told.
    /// - Returns: The place of the command that it answers; nil for what no command is.
    /// - Throws: If the attempt was answered, or is somebody else's, or the log says otherwise.
    package mutating func answers(
        _ reply: OutgoingReply,
        from life: Life,
        at now: UInt64 = 0,
        committed: (LogIndex) -> LogPosition?
    ) throws(Violation) -> Model.Place? {
        let number = reply.key.request
        guard let attempt = attempts[number] else {
            throw Violation(.acknowledgedWrites, "attempt \(number), which never came, is answered")
        }
        guard attempt.life == life else {
            throw Violation(
                .acknowledgedWrites,
                "attempt \(number) came to \(attempt.life) and is answered by \(life)"
            )
        }
        guard !attempt.isAnswered else {
            throw Violation(.acknowledgedWrites, "attempt \(number) is answered twice: \(reply)")
        }
        attempts[number]?.isAnswered = true
        answered += 1
        if open.count > 64, answered.isMultiple(of: 32) {
            open.removeAll { attempts[$0]?.isAnswered ?? true }
        }
        switch (attempt.request, reply.content) {
        case (.command, .command):
            guard let proposal = attempt.proposal,
                committed(proposal.position.index) == proposal.position,
                reply.appliedIndex == proposal.position.index
            else {
                throw Violation(
                    .acknowledgedWrites,
                    "attempt \(number) is answered as applied at \(reply.appliedIndex); it "
                        + Self.told(attempt.proposal, committed)
                )
            }
            answered(at: reply.appliedIndex, now)
            return Model.Place(index: reply.appliedIndex, ordinal: proposal.ordinal)
        case (.command, .refused(let refusal, _)):
            try checkRefusal(refusal, of: number, attempt, committed)
        case (.query, .answer):
            try checkRead(number, attempt, at: reply.appliedIndex, now)
        case (.query, .refused(let refusal, _)):
            guard !refusal.isPassing else { return nil }
            try checkRead(number, attempt, at: reply.appliedIndex, now)
        case (.command, .unknown): break
        case (_, _):
            throw Violation(
                .unexpectedStop,
                "attempt \(number), a \(attempt.request), is answered \(reply.content)"
            )
        }
        return nil
    }

    private func checkRefusal(
        _ refusal: Refusal,
        of number: UInt64,
        _ attempt: Attempt,
        _ committed: (LogIndex) -> LogPosition?
    ) throws(Violation) {
        guard refusal.isPassing else {
            throw Violation(.unexpectedStop, "attempt \(number) is refused: \(refusal)")
        }
        guard let proposal = attempt.proposal else { return }
        guard let last = committed(proposal.position.index), last != proposal.position,
            last.index == proposal.position.index || last.term > proposal.position.term
        else {
            throw Violation(
                .acknowledgedWrites,
                "attempt \(number) is refused (\(refusal)); it "
                    + Self.told(proposal, committed)
            )
        }
    }

    private mutating func checkRead(
        _ number: UInt64,
        _ attempt: Attempt,
        at index: LogIndex,
        _ now: UInt64
    ) throws(Violation) {
        guard index >= attempt.floor else {
            throw Violation(
                .linearizability,
                "read \(number) is answered at index \(index), though \(attempt.floor) had been "
                    + "committed before it arrived"
            )
        }
        answered(at: index, now)
    }

    private static func told(
        _ proposal: Proposal?,
        _ committed: (LogIndex) -> LogPosition?
    ) -> String {
        guard let proposal else { return "is in no block" }
        let there = committed(proposal.position.index).map { "\($0)" } ?? "nothing"
        return "was proposed at \(proposal.position); committed there, or last before it, is "
            + there
    }

    // MARK: What is open

    /// Whether an attempt is still to be answered, and by that life; one in a block may wait for the
    /// log.
    package func isOverdue(_ number: UInt64, at life: Life) -> Bool {
        guard let attempt = attempts[number], attempt.life == life else { return false }
        return !attempt.isAnswered && attempt.proposal == nil
    }

    /// Whether an attempt was put into a block.
    package func isProposed(_ number: UInt64) -> Bool { attempts[number]?.proposal != nil }

    /// The first attempt in the block that was proposed at a place.
    package func firstAttempt(at position: LogPosition) -> UInt64? {
        blocks[position]?.compactMap(\.self).first
    }

    /// An attempt whose process lives and has not answered it, if there is one; the oldest.
    package var oldestOpen: UInt64? { oldestOpen { _ in true } }

    /// The same, of the processes at these places alone: one that is no member may never learn what
    /// became of a block, and whoever waits there for it hears in the end that nobody knows.
    package func oldestOpen(at isOfInterest: (Int) -> Bool) -> UInt64? {
        open.first { number in
            attempts[number].map { !$0.isAnswered && isOfInterest($0.life.place) } ?? false
        }
    }
}

extension Refusal {
    /// Nothing happened, and what was asked is not the reason: it may be asked again elsewhere.
    var isPassing: Bool {
        switch self {
        case .notLeader, .overloaded, .notReady, .shuttingDown, .deadlinePassed, .diskFull: true
        case .malformed, .unknownVerb, .tooLarge, .notSupported, .invalidName, .invalidKey,
            .invalidValue, .notPermitted, .tenantExists, .noSuchTenant, .tenantNotEmpty,
            .tenantSuspended, .bucketExists, .bucketOwnedByYou, .noSuchBucket, .bucketNotEmpty,
            .noSuchObject, .preconditionFailed, .quotaExceeded, .tooManyBuckets,
            .tooManyTenants, .tooManyGrants, .noSuchSession, .slotOutOfRange,
            .sequenceOutOfOrder, .requestReused, .tooManySessions, .clockRefused,
            .staleBucketEpoch, .staleRangeEpoch, .transferFailed, .notAVoter,
            .membersChanging, .tooManyMembers, .memberExists, .noSuchMember, .addressTaken,
            .noVoterLeft, .mustBeLearner, .notCaughtUp, .quorumUnreachable, .countryNotAllowed,
            .spreadBroken, .policyChanged, .notForWitness:
            false
        }
    }
}

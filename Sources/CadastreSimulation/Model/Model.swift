package import CadastreProtocol
package import RaftCore

/// What the state must be: the committed log, played on dictionaries in the order of the log.
///
/// Written from the rules of the metadata model and not from the product's code. It knows what every
/// command must be answered and, for every index, what every query must; what it keeps is never
/// iterated in an order that is not its own.
package struct Model {
    /// A command's place in the log.
    package struct Place: Hashable, Sendable {
        /// In which entry.
        package var index: LogIndex
        /// The how-manieth of its commands, from 0.
        package var ordinal: Int

        /// Names a place.
        package init(index: LogIndex, ordinal: Int) {
            self.index = index
            self.ordinal = ordinal
        }
    }

    /// What a command must be answered.
    package enum Expected: Hashable, Sendable {
        /// Exactly this.
        case reply(Reply)
        /// Done, with a session's number that nobody saw before and this place in the order.
        case session(sequence: UInt64)
    }

    struct Tenant {
        var name: [UInt8]
        var status: TenantStatus
        var quota: Quota
        var created: UInt64
        var usage = Usage()
        /// Services that may act for it, in the order in which they were granted.
        var grants: [[UInt8]] = []
    }

    struct Bucket: Hashable {
        var id: BucketID
        var tenant: TenantID
        var created: UInt64
        var usage = Usage()
        /// Every key that was ever put there, ascending.
        var keys: [[UInt8]] = []
    }

    struct ObjectPlace: Hashable {
        var bucket: BucketID
        var key: [UInt8]
    }

    struct Session {
        var principal: Principal
        var slots: UInt32
        /// The newest request of each slot that had one.
        var newest: [UInt32: Request] = [:]
    }

    struct Request {
        var sequence: UInt64
        var tenant: TenantID
        var command: Command
        var reply: Reply
    }

    /// By what a request is recognised.
    struct Identity: Hashable {
        var session: UInt64
        var slot: UInt32
        var sequence: UInt64
    }

    private var voters: [UInt64]
    private var outgoing: [UInt64] = []
    /// Everything through here was played.
    package internal(set) var last: LogIndex = .zero
    /// Milliseconds since 1970; 0 before the first Tick.
    package internal(set) var clusterTime: UInt64 = 0
    var sequence: UInt64 = 0
    var lastTenant: UInt64 = 0
    var lastBucket: UInt64 = 0
    var tenants: [TenantID: Timeline<Tenant>] = [:]
    var tenantNames: [[UInt8]: TenantID] = [:]
    var buckets: [[UInt8]: Timeline<Bucket>] = [:]
    var objects: [ObjectPlace: Timeline<ObjectRecord>] = [:]
    var sessions: [UInt64: Session] = [:]
    var times = Timeline<UInt64>()
    /// Who opened a session where, until its number is known.
    private var openings: [Place: Session] = [:]
    private var everOpened: Set<UInt64> = []
    private var replies: [LogIndex: [Expected]] = [:]
    /// Requests that took effect, to see that none does twice.
    private var executed: Set<Identity> = []
    /// Commands that were in the log before, under the same identity.
    package private(set) var duplicates = 0

    /// An empty register of a cluster with these voters.
    package init(voters: [UInt64]) { self.voters = voters }

    /// The entry that is about to be played makes these the voters.
    package mutating func configured(voters: [UInt64], outgoing: [UInt64]) {
        (self.voters, self.outgoing) = (voters, outgoing)
    }

    // MARK: Playing

    /// Plays the entry that follows.
    ///
    /// - Throws: If a session is used that nobody opened, or a request takes effect twice.
    package mutating func play(
        _ commands: [CommandEnvelope],
        at index: LogIndex
    ) throws(Violation) {
        guard index == last.next else {
            throw Violation(.unexpectedStop, "the model is given entry \(index) after \(last)")
        }
        last = index
        var all: [Expected] = []
        for (ordinal, envelope) in commands.enumerated() {
            let place = Place(index: index, ordinal: ordinal)
            all.append(try apply(envelope, at: place))
        }
        times.set(clusterTime, at: index)
        if !all.isEmpty { replies[index] = all }
    }

    /// What the command at a place must be answered; nil where none stands.
    package func expected(at place: Place) -> Expected? {
        guard let all = replies[place.index], place.ordinal < all.count else { return nil }
        return all[place.ordinal]
    }

    /// Cluster time after an entry.
    package func clusterTime(at index: LogIndex) -> UInt64 { times.value(at: index) ?? 0 }

    /// A session that was opened at `place` has this number, as its client was told.
    ///
    /// - Throws: If another one has it too.
    package mutating func learn(_ session: UInt64, openedAt place: Place) throws(Violation) {
        guard let opening = openings.removeValue(forKey: place) else {
            throw Violation(.acknowledgedWrites, "no session was opened at \(place)")
        }
        guard session != 0, everOpened.insert(session).inserted else {
            throw Violation(.acknowledgedWrites, "two sessions have the number \(session)")
        }
        sessions[session] = opening
    }

    private mutating func apply(
        _ envelope: CommandEnvelope,
        at place: Place
    ) throws(Violation) -> Expected {
        switch envelope.identity {
        case .token: return .reply(.refused(.notSupported))
        case .none:
            switch envelope.command {
            case .openSession(let command):
                openings[place] = Session(principal: envelope.principal, slots: command.slots)
                return .session(sequence: nextSequence())
            case .expireSession(let command):
                return .reply(expire(command, of: envelope.principal))
            case .tick(let tick): return .reply(apply(tick))
            case .createTenant, .updateTenant, .setTenantStatus, .deleteTenant, .grantService,
                .revokeService, .createBucket, .deleteBucket, .putObject, .deleteObject, .batch:
                return .reply(.refused(.malformed))
            }
        case .slot(let session, let slot, let sequence):
            let identity = Identity(session: session, slot: slot, sequence: sequence)
            return .reply(try applyOnce(envelope, identity, at: place))
        }
    }

    private mutating func applyOnce(
        _ envelope: CommandEnvelope,
        _ identity: Identity,
        at place: Place
    ) throws(Violation) -> Reply {
        guard everOpened.contains(identity.session) else {
            throw Violation(
                .acknowledgedWrites,
                "session \(identity.session) is used at \(place), and nobody was told of it"
            )
        }
        guard let session = sessions[identity.session],
            session.principal == envelope.principal
        else { return .refused(.noSuchSession) }
        guard identity.slot < session.slots else { return .refused(.slotOutOfRange) }
        let newest = session.newest[identity.slot]
        if let newest, newest.sequence == identity.sequence {
            duplicates += 1
            let isSame = newest.command == envelope.command && newest.tenant == envelope.tenant
            return isSame ? newest.reply : .refused(.requestReused)
        }
        guard identity.sequence == (newest?.sequence ?? 0) + 1 else {
            duplicates += 1
            return .refused(.sequenceOutOfOrder)
        }
        guard executed.insert(identity).inserted else {
            throw Violation(.acknowledgedWrites, "\(identity) takes effect twice")
        }
        let reply = execute(envelope, at: place.index)
        sessions[identity.session]?.newest[identity.slot] = Request(
            sequence: identity.sequence,
            tenant: envelope.tenant,
            command: envelope.command,
            reply: reply
        )
        return reply
    }

    // MARK: What all commands share

    /// The next place in the cluster's order: above the last, and not before cluster time.
    mutating func nextSequence() -> UInt64 {
        sequence = max(sequence + 1, clusterTime << 20)
        return sequence
    }

    /// What a tenant holds and may, now.
    func tenant(_ id: TenantID) -> Tenant? { tenants[id]?.newest }

    /// A bucket of the tenant, now.
    func bucket(_ name: [UInt8], of tenant: TenantID) -> Bucket? {
        guard let bucket = buckets[name]?.newest, bucket.tenant == tenant else { return nil }
        return bucket
    }

    /// An object as it is now, for clients that want to make a condition come true.
    package func object(
        _ key: [UInt8],
        in bucket: [UInt8],
        of tenant: TenantID
    ) -> ObjectRecord? {
        guard let bucket = self.bucket(bucket, of: tenant) else { return nil }
        return objects[ObjectPlace(bucket: bucket.id, key: key)]?.newest
    }

    /// Whether the request under this identity took effect.
    package func isApplied(session: UInt64, slot: UInt32, sequence: UInt64) -> Bool {
        executed.contains(Identity(session: session, slot: slot, sequence: sequence))
    }

    private mutating func expire(_ command: ExpireSession, of principal: Principal) -> Reply {
        guard let session = sessions[command.session], session.principal == principal else {
            return .refused(.noSuchSession)
        }
        sessions[command.session] = nil
        return .done(number: 1, sequence: nextSequence())
    }

    /// A Tick moves cluster time to the median of a quorum's clocks, forward only and by 10 s at
    /// most.
    private mutating func apply(_ tick: Tick) -> Reply {
        let known = tick.samples.filter { voters.contains($0.node) || outgoing.contains($0.node) }
        let walls = known.map(\.wallMilliseconds).sorted()
        let isQuorum = [voters, outgoing].allSatisfy { voters in
            voters.isEmpty || known.count { voters.contains($0.node) } * 2 > voters.count
        }
        guard known.count == tick.samples.count, isQuorum,
            zip(known, known.dropFirst()).allSatisfy({ $0.node < $1.node })
        else { return .refused(.clockRefused) }
        let median = walls[(walls.count - 1) / 2]
        guard median < 1 << 43 else { return .refused(.clockRefused) }
        let time = clusterTime == 0 ? median : min(median, clusterTime + 10_000)
        guard time > clusterTime else { return .done() }
        clusterTime = time
        return .done(sequence: nextSequence())
    }
}

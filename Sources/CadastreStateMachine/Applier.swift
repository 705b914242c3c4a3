package import CadastreProtocol

/// Executes commands on rows: a function of the rows, the entry and the command, nothing else.
///
/// The order of evaluation fixes which refusal wins: exactly-once, range epoch, authorization,
/// bucket epoch, then in each command tenant, bucket, static limits, preconditions, quota, effects.
/// A refused command writes nothing but its reply, and that only if a retry is to get it again
/// (``Refusal/isStored``). Whatever becomes of a request, its session was seen.
///
/// Compiled for the rows it works on: a command asks them some twenty times.
package struct Applier<State: Rows> {
    let rows: State
    private let key: RowHashKey

    /// Works on these rows; the key makes the hashes by which reused requests are recognised.
    package init(_ rows: State, key: RowHashKey) {
        self.rows = rows
        self.key = key
    }

    /// A key range's epoch as long as ranges never move.
    private static var rangeEpoch: UInt64 { 1 }

    /// Executes one command of the entry.
    package func apply(
        _ envelope: CommandEnvelope,
        in entry: EntryContext
    ) throws(StateMachineError) -> Reply {
        switch envelope.identity {
        case .none:
            guard Self.mayBeAppliedTwice(envelope.command) else { return .refused(.malformed) }
            if let stale = try staleness(of: envelope) { return .refused(stale) }
            return try execute(envelope, in: entry)
        case .token:
            // Stored tokens come with a later feature level.
            return .refused(.notSupported)
        case .slot(let session, let slot, let sequence):
            let place = RequestPlace(session: session, slot: slot, sequence: sequence)
            return try applyOnce(envelope, at: place, in: entry)
        }
    }

    private func applyOnce(
        _ envelope: CommandEnvelope,
        at place: RequestPlace,
        in entry: EntryContext
    ) throws(StateMachineError) -> Reply {
        let hash = CommandHash.of(envelope, key: key)
        let slot: SlotRow?
        switch try recognise(envelope.principal, at: place, hash: hash) {
        case .answered(let reply): return reply
        case .fresh(let found): slot = found
        }
        if let stale = try staleness(of: envelope) { return .refused(stale) }
        let reply = try execute(envelope, in: entry)
        try remember(reply, at: place, hash: hash, replacing: slot)
        return reply
    }

    private static func mayBeAppliedTwice(_ command: Command) -> Bool {
        switch command {
        // A session that is closed twice is no session the second time.
        case .openSession, .expireSession, .tick: true
        case .createTenant, .updateTenant, .setTenantStatus, .deleteTenant, .grantService,
            .revokeService, .createBucket, .deleteBucket, .putObject, .deleteObject, .batch:
            false
        }
    }

    /// Whether the request was routed or prepared by what is no longer so.
    ///
    /// The bucket's epoch is compared only for who may act for its tenant: to others the bucket
    /// does not exist.
    private func staleness(of envelope: CommandEnvelope) throws(StateMachineError) -> Refusal? {
        if envelope.rangeEpoch != 0, envelope.rangeEpoch != Self.rangeEpoch {
            return .staleRangeEpoch
        }
        guard envelope.bucketEpoch != 0, refusal(of: envelope) == nil else { return nil }
        for name in envelope.command.bucketNames {
            guard let bucket = try rows.bucket(named: name), bucket.tenant == envelope.tenant,
                bucket.epoch != envelope.bucketEpoch
            else { continue }
            return .staleBucketEpoch
        }
        return nil
    }

    private func execute(
        _ envelope: CommandEnvelope,
        in entry: EntryContext
    ) throws(StateMachineError) -> Reply {
        if let refusal = refusal(of: envelope) { return .refused(refusal) }
        switch envelope.command {
        case .createTenant(let command): return try apply(command)
        case .updateTenant(let command): return try apply(command)
        case .setTenantStatus(let command): return try apply(command)
        case .deleteTenant(let command): return try apply(command)
        case .grantService(let command): return try apply(command)
        case .revokeService(let command): return try apply(command)
        case .createBucket(let command): return try apply(command, for: envelope.tenant)
        case .deleteBucket(let command): return try apply(command, for: envelope.tenant)
        case .putObject(let command): return try apply(command, for: envelope.tenant)
        case .deleteObject(let command): return try apply(command, for: envelope.tenant)
        case .openSession(let command):
            return try apply(command, of: envelope.principal, random: entry.random)
        case .expireSession(let command): return try apply(command, of: envelope.principal)
        case .tick(let command): return try apply(command)
        case .batch(let command): return try apply(command, for: envelope.tenant)
        }
    }

    /// The refusal of a command whose values break a limit; nil if they keep all of them.
    func brokenLimit(of command: some Validatable) -> Refusal? {
        do throws(ProtocolError) {
            try command.validate()
            return nil
        } catch {
            return error.refusal
        }
    }
}

extension Command {
    /// The buckets that the command concerns; a name may come more than once.
    fileprivate var bucketNames: [[UInt8]] {
        switch self {
        case .createBucket, .createTenant, .updateTenant, .setTenantStatus, .deleteTenant,
            .grantService, .revokeService, .openSession, .expireSession, .tick:
            []
        case .deleteBucket(let command): [command.name]
        case .putObject(let command): [command.bucket]
        case .deleteObject(let command): [command.bucket]
        case .batch(let command): command.operations.map(\.object.bucket)
        }
    }
}

internal import CadastreProtocol
internal import CadastreStorage
internal import DequeModule
internal import RaftCore

/// Commands that wait for a block, a queue for each tenant.
///
/// Tenants take turns, so that a noisy one fills only the places that the others leave.
struct Proposals: Sendable {
    private struct Queue: Sendable {
        var tenant: TenantID
        var commands: Deque<WaitingCommand>
    }

    /// One queue for each tenant that was ever heard since the queues were last empty.
    private var queues: [Queue] = []
    /// Where each tenant's queue is.
    ///
    /// Looked up, never iterated.
    private var places: [TenantID: Int] = [:]
    /// The emptied queue of a tenant that was forgotten: the next one waits in its memory.
    private var spare: Deque<WaitingCommand> = []
    /// The most that waited since the queues were last empty.
    private var most = 0
    /// Whose turn is next, an index into `queues`.
    private var turn = 0
    /// Commands waiting.
    private(set) var count = 0
    /// Their bytes.
    private(set) var size = 0

    /// Bounds, past which `add` says no.
    private let maximumCount: Int
    private let maximumSize: Int

    /// Empty queues with these bounds over all tenants.
    init(maximumCount: Int, maximumSize: Int) {
        self.maximumCount = maximumCount
        self.maximumSize = maximumSize
    }

    /// No command waits.
    var isEmpty: Bool { count == 0 }

    /// Bytes of waiting commands up to which they wait decoded as well.
    static let maximumSizeDecoded = 1 << 20

    /// Memory for so many commands is kept while none waits: a quarter of a MiB.
    private static let maximumSpare = 1_024

    /// Queues a command behind its tenant's others.
    ///
    /// False: too much waits already.
    mutating func add(_ command: consuming WaitingCommand) -> Bool {
        guard count < maximumCount, size + command.bytes.count <= maximumSize else { return false }
        let place: Int
        if let known = places[command.tenant] {
            place = known
        } else {
            place = queues.count
            places[command.tenant] = place
            queues.append(Queue(tenant: command.tenant, commands: spare))
            spare = []
        }
        count += 1
        most = max(most, count)
        size += command.bytes.count
        // Decoded, metadata and the keys of removals are a dozen times their bytes: where much waits
        // they are decoded again.
        if size > Self.maximumSizeDecoded { command.envelope = nil }
        queues[place].commands.append(command)
        return true
    }

    /// Fills a block, one command of each waiting tenant in turn, until the block is full.
    ///
    /// - Parameters:
    ///   - block: Takes the commands.
    ///   - keys: Gets where each command's reply goes, in the order of the block.
    ///   - commands: Gets each command where it is known, in that order, too.
    ///   - now: The monotonic moment; commands whose deadline is past are not proposed.
    ///   - expired: Gets the commands that came too late.
    mutating func draw(
        into block: inout BlockBuilder,
        keys: inout [RequestKey?],
        commands: inout [CommandEnvelope],
        now: UInt64,
        expired: inout [WaitingCommand]
    ) {
        var silent = 0
        while count > 0, silent < queues.count {
            if turn >= queues.count { turn = 0 }
            guard var next = queues[turn].commands.popFirst() else {
                silent += 1
                turn += 1
                continue
            }
            silent = 0
            let bytes = next.bytes.count
            if next.deadline < now {
                expired.append(next)
            } else {
                guard block.add(next.bytes, operations: next.operations) else {
                    queues[turn].commands.prepend(next)
                    break
                }
                keys.append(next.key)
                if let envelope = next.envelope.take() { commands.append(envelope) }
            }
            count -= 1
            size -= bytes
            turn += 1
        }
        if count == 0 { forgetTenants() }
    }

    /// Takes out what nobody waits for any more, so that it does not keep live commands out.
    ///
    /// - Parameter moment: The monotonic moment.
    /// - Returns: The commands whose deadline is past.
    mutating func takeExpired(at moment: UInt64) -> [WaitingCommand] {
        var expired: [WaitingCommand] = []
        for place in queues.indices
        where queues[place].commands.contains(where: { $0.deadline < moment }) {
            expired += queues[place].commands.filter { $0.deadline < moment }
            queues[place].commands.removeAll { $0.deadline < moment }
        }
        count -= expired.count
        size -= expired.reduce(0) { $0 + $1.bytes.count }
        if count == 0 { forgetTenants() }
        return expired
    }

    /// Empties the queues, in the order of the tenants' arrival.
    mutating func removeAll() -> [WaitingCommand] {
        let all = queues.flatMap(\.commands)
        count = 0
        size = 0
        forgetTenants()
        return all
    }

    /// Keeps the number of queues bounded by the tenants that wait at one time.
    private mutating func forgetTenants() {
        if most <= Self.maximumSpare, !queues.isEmpty {
            swap(&spare, &queues[0].commands)
            spare.removeAll(keepingCapacity: true)
        }
        most = 0
        queues.removeAll(keepingCapacity: true)
        places.removeAll(keepingCapacity: true)
        turn = 0
    }
}

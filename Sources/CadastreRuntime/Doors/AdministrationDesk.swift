internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStateMachine
internal import CadastreStorage
internal import CadastreTLS
internal import Foundation
internal import NIOCore
internal import RaftCore

/// Answers what an operator asks of one node.
enum AdministrationDesk {
    /// Begins to answer a request; the reply comes to its session later.
    static func take(
        _ request: AdministrationRequest,
        _ key: RequestKey,
        _ context: DoorContext,
        _ desk: Desk
    ) {
        switch request {
        case .status:
            context.status().hop(to: desk.loop).whenSuccess { status in
                desk.answer(
                    key,
                    .status(Self.status(status, context)),
                    appliedIndex: status.appliedIndex.value
                )
            }
        case .members:
            context.status().hop(to: desk.loop).whenSuccess { status in
                let members = status.configuration.members.map { MemberDescription($0) }
                desk.answer(
                    key,
                    .members(members, leader: status.leader.value),
                    appliedIndex: status.appliedIndex.value
                )
            }
        case .policy:
            context.status().hop(to: desk.loop).whenSuccess { status in
                desk.answer(
                    key,
                    .policy(status.configuration.policy),
                    appliedIndex: status.appliedIndex.value
                )
            }
        case .setPolicy(let change, let isDryRun):
            context.consensus.post(.setPolicy(change, key, isDryRun: isDryRun))
        case .transferLeadership(let target):
            context.consensus.post(.transferLeadership(to: target.map(NodeID.init), key))
        case .computeDigest where context.identity.isWitness:
            desk.refuse(key, .notSupported, "the node is a witness: it keeps no state to verify")
        case .computeDigest(let index):
            desk.add(.digest(key, atLeast: LogIndex(index)))
        case .changeMembers(let change, let isDryRun):
            if let detail = fault(of: change) {
                desk.refuse(key, .invalidValue, detail)
            } else {
                context.consensus.post(.changeMembers(change, key, isDryRun: isDryRun))
            }
        }
    }

    /// What is wrong with a member that is to be taken in: no peer could dial it, or let it in.
    private static func fault(of change: MemberChange) -> String? {
        switch change {
        case .promote, .demote, .remove, .replace: return nil
        case .add(let member), .rejoin(let member):
            guard Site(uri: "cadastre-site://" + member.site) != nil else {
                return "\"\(member.site)\" is not country/city/site/operator"
            }
            let addresses = [
                member.peerAddress, member.clientAddress, member.administrationAddress,
            ]
            for address in addresses {
                guard let socket = SocketName(address), socket.port > 0,
                    !SocketName.wildcards.contains(socket.host)
                else {
                    return "\"\(address)\" is not the host:port under which others reach it"
                }
            }
            return Set(addresses).count == addresses.count
                ? nil : "one address stands twice; every listener needs its own"
        }
    }

    private static func status(_ status: ConsensusStatus, _ context: DoorContext) -> NodeStatus {
        let numbers = context.view.now.numbers
        let usage = ProcessUsage.now()
        var result = NodeStatus()
        result.node = context.identity.node.value
        result.cluster = context.cluster
        result.role = "\(status.role)"
        result.term = status.term.value
        result.leader = status.leader.value
        result.commitIndex = status.commitIndex.value
        result.lastIndex = status.lastIndex.value
        result.persistedIndex = status.persistedIndex.value
        result.clusterTimeMilliseconds = status.clusterTime
        let own = context.own
        result.own = own
        result.site = own.site
        result.version = ProgramVersion.text
        result.featureLevel = FeatureLevel.current
        result.uptimeMilliseconds = (Clock.monotonic - context.started) / 1_000_000
        result.residentBytes = usage.residentBytes
        result.cpuMilliseconds = usage.cpuMilliseconds
        result.journalBytes = UInt64(numbers.journal?.bytes ?? 0)
        result.fsyncs = UInt64(numbers.journal?.syncs ?? 0)
        result.entriesWritten = UInt64(numbers.journal?.entries ?? 0)
        result.commandsApplied = numbers.stateMachine?.commandsApplied ?? 0
        result.objects = numbers.stateMachine?.objects ?? 0
        // Of one turn of the apply stage, so that the one belongs to the other.
        result.appliedIndex = numbers.applied.index.value
        if context.identity.isWitness { result.appliedIndex = status.appliedIndex.value }
        result.digest = numbers.applied.digest
        result.peers = status.peers.map { peer in
            PeerStatus(
                node: peer.node.value,
                matchIndex: peer.match.value,
                nextIndex: peer.next.value,
                state: peer.state,
                isConnected: peer.isConnected
            )
        }
        result.snapshots = SnapshotStatus(numbers.snapshots)
        return result
    }
}

extension SnapshotStatus {
    /// What the snapshot stage shows.
    fileprivate init(_ statistics: SnapshotStatistics) {
        self.init()
        newestIndex = statistics.newestIndex.value
        newestBytes = UInt64(statistics.newestSize)
        newestTimeMilliseconds = statistics.newestTime
        receivingBytes = UInt64(statistics.receivingSize)
        receivedBytes = UInt64(statistics.receivedSize)
        scrubbedBytes = statistics.scrubbedBytes
        scrubs = statistics.scrubs
        lastScrubMilliseconds = statistics.lastScrubEnded
        damagesFound = statistics.damagesFound
    }
}

/// The version of the programs.
package enum ProgramVersion {
    /// As `--version` prints it.
    package static let text = "0.1.0"
}

/// What this process costs the machine.
struct ProcessUsage {
    /// Resident memory in bytes.
    let residentBytes: UInt64
    /// CPU of all threads since the start.
    let cpuMilliseconds: UInt64

    /// As of now.
    static func now() -> ProcessUsage {
        var usage = rusage()
        _ = unsafe getrusage(RUSAGE_SELF.rawValue, &usage)
        let microseconds = [usage.ru_utime, usage.ru_stime].reduce(0) {
            $0 + Int($1.tv_sec) * 1_000_000 + Int($1.tv_usec)
        }
        // The second number of /proc/self/statm: resident pages.
        var pages: UInt64 = 0
        do throws(ConfigurationError) {
            let text = String(decoding: try SettingsCheck.read("/proc/self/statm"), as: UTF8.self)
            let fields = text.split(separator: " ")
            if fields.count > 1 { pages = UInt64(fields[1]) ?? 0 }
        } catch {
            // Without /proc the memory is not known, and 0 says so.
            pages = 0
        }
        return ProcessUsage(
            residentBytes: pages * UInt64(sysconf(Int32(_SC_PAGESIZE))),
            cpuMilliseconds: UInt64(microseconds / 1_000)
        )
    }
}

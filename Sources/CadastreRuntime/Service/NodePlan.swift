internal import CadastreDisk
package import CadastreNode
internal import CadastreStateMachine
internal import CadastreStorage
internal import CadastreTLS
internal import Foundation
internal import NIOCore
package import RaftCore

/// What a node needs before it can be founded or run: settings and genesis, checked together.
package struct NodePlan: Sendable {
    /// What the operator chose.
    package let settings: Settings
    /// How the cluster was founded.
    package let genesis: GenesisFile

    /// Reads and checks everything that needs no data folder.
    ///
    /// - Throws: `ConfigurationError`.
    package static func read(
        file: String,
        environment: [String: String],
        flags: [String]
    ) throws(ConfigurationError) -> NodePlan {
        let settings = try Settings.read(file: file, environment: environment, flags: flags)
        return NodePlan(settings, try GenesisFile(path: settings.genesis))
    }

    /// Puts settings and genesis together.
    package init(_ settings: Settings, _ genesis: GenesisFile) {
        self.settings = settings
        self.genesis = genesis
    }

    /// The stages' settings.
    var nodeSettings: NodeSettings {
        var result = NodeSettings()
        let times = settings.times
        result.tickMilliseconds = times.tick
        result.timing = Timing(
            heartbeatTicks: times.heartbeat / times.tick,
            // Rounded up, so that three heartbeats always fit.
            minimumElectionTicks: (times.election.lowerBound + times.tick - 1) / times.tick,
            maximumElectionTicks: (times.election.upperBound + times.tick - 1) / times.tick
        )
        result.journal.segmentSize = settings.segmentSize
        // A row is a fiftieth of the page that it lies on, and spares the search for it, too.
        result.stateMachine.cacheSizeBytes = settings.cacheSize / 4
        result.stateMachine.rememberedBytes = settings.cacheSize - settings.cacheSize / 4
        result.diskReserve = settings.reserveSize
        result.snapshotInterval = settings.snapshotInterval
        result.snapshotRate = settings.snapshotRate
        result.scrubInterval = UInt64(settings.scrubHours) * 3_600_000_000_000
        result.scrubRate = settings.scrubRate
        return result
    }

    /// Where connections to peers come from; nil lets the system choose.
    var dialSource: SocketAddress? {
        settings.dialSource.map { text in
            do {
                return try SocketAddress(ipAddress: text, port: 0)
            } catch {
                preconditionFailure("dial.source was checked to be an address: \(error)")
            }
        }
    }

    /// What the genesis file says, as a node takes it.
    var founding: Genesis {
        Genesis(
            clusterName: genesis.cluster,
            cluster: genesis.clusterID,
            members: genesis.members,
            policy: genesis.policy
        )
    }

    /// Founds the data folder, once in the life of its disk.
    ///
    /// - Parameters:
    ///   - incarnation: Nil for a founding member; fresh random bits for a node that joins, or comes
    ///     back with a new disk.
    ///   - isWitness: It is to keep the log alone; of a founding member the genesis says so.
    /// - Throws: `NodeError` if the folder is in use, not empty or another node's, or the disk fails.
    package func found(
        as incarnation: Incarnation? = nil,
        isWitness: Bool = false
    ) throws(NodeError) {
        try checkDirectory()
        try NodeFolder.found(
            settings.directory,
            on: PosixDisk(),
            genesis: founding,
            node: NodeID(settings.node),
            incarnation: incarnation,
            isWitness: isWitness,
            settings: nodeSettings,
            seed: UInt64.random(in: 1 ... .max)
        )
    }

    /// Checks that the data folder is not within the folder of another node, where one of the two
    /// would take the other's files for its own.
    ///
    /// - Throws: `NodeError` naming both.
    func checkDirectory() throws(NodeError) {
        var folder = URL(fileURLWithPath: settings.directory).standardizedFileURL.path
        while let slash = folder.lastIndex(of: "/"), slash > folder.startIndex {
            folder = String(folder[..<slash])
            let files = FileManager.default
            guard files.fileExists(atPath: folder + "/identity"),
                files.fileExists(atPath: folder + "/journal")
            else { continue }
            throw NodeError(
                .configuration,
                "\(settings.directory) lies within \(folder), which is the folder of a node; choose a "
                    + "folder beside it"
            )
        }
    }

    /// Both TLS contexts, read anew and checked to belong to this node.
    ///
    /// - Parameter member: This node by the configuration; nil while it is no member.
    /// - Returns: One for each side of connections.
    /// - Throws: `NodeError` naming the file; then neither is to be used.
    func tls(of member: Member?) throws(NodeError) -> (server: TLSContext, client: TLSContext) {
        (
            try context(settings.serverPair, for: .server, of: member),
            try context(settings.clientPair, for: .client, of: member)
        )
    }

    private func context(
        _ pair: Settings.CertificatePair,
        for purpose: TLSContext.Purpose,
        of member: Member?
    ) throws(NodeError) -> TLSContext {
        do throws(TLSError) {
            let context = try TLSContext(
                Credentials(
                    certificate: pair.certificate,
                    key: pair.key,
                    roots: settings.roots,
                    revocations: settings.revocations
                ),
                for: purpose
            )
            try check(context.own, pair.certificate, member)
            return context
        } catch {
            throw NodeError(.configuration, "\(error)")
        }
    }

    private func check(
        _ own: CertificateSummary?,
        _ path: String,
        _ member: Member?
    ) throws(TLSError) {
        let wanted = Identity.node(cluster: genesis.cluster, id: settings.node)
        guard own?.identity == wanted else {
            let found = own?.identity.map { "\($0)" } ?? "nobody"
            throw .invalidFile(path: path, reason: "it speaks for \(found), not for \(wanted)")
        }
        // A node that is no member yet stands wherever its certificate says: the members check it.
        guard let member, own?.site != Site(ofMember: member) else { return }
        let found = own?.site.map { "\($0)" } ?? "no site"
        throw .invalidFile(
            path: path,
            reason: "it names \(found), the cluster's configuration says \(member.site)"
        )
    }
}

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif
internal import RaftCore
internal import SwiftProtobuf

/// The bytes of administration, through the generated code: it is rare, and clarity is all.
extension AdministrationRequest {
    /// The schema's `Administration`.
    package func encode() -> [UInt8] {
        var message = Cadastre_V1_Administration()
        switch self {
        case .status: message.request = .getStatus(Cadastre_V1_GetStatus())
        case .members: message.request = .getMembers(Cadastre_V1_GetMembers())
        case .transferLeadership(let node):
            message.request = .transferLeadership(.with { $0.to = node ?? 0 })
        case .computeDigest(let index):
            message.request = .computeDigest(.with { $0.atLeastIndex = index })
        case .changeMembers(let change, let isDryRun):
            message.request = .changeMembers(change.message(isDryRun: isDryRun))
        case .policy: message.request = .getPolicy(Cadastre_V1_GetPolicy())
        case .setPolicy(let change, let isDryRun):
            message.request = .setPolicy(change.message(isDryRun: isDryRun))
        }
        return serialized(message)
    }

    /// Reads the schema's `Administration`; unknown fields are refused.
    ///
    /// - Throws: `tooLarge`, `malformed`, `unknownVerb` or `notSupported`.
    package init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        let message: Cadastre_V1_Administration = try parsed(bytes, "the request")
        let rest: UnknownStorage
        switch message.request {
        case nil:
            throw ProtocolError(.unknownVerb, "the request is not known to this version")
        case .getStatus(let request):
            self = .status
            rest = request.unknownFields
        case .getMembers(let request):
            self = .members
            rest = request.unknownFields
        case .transferLeadership(let request):
            self = .transferLeadership(to: request.to == 0 ? nil : request.to)
            rest = request.unknownFields
        case .computeDigest(let request):
            self = .computeDigest(atLeastIndex: request.atLeastIndex)
            rest = request.unknownFields
        case .changeMembers(let request):
            self = .changeMembers(try MemberChange(request), isDryRun: request.isDryRun)
            rest = request.unknownFields
        case .getPolicy(let request):
            self = .policy
            rest = request.unknownFields
        case .setPolicy(let request):
            self = .setPolicy(try PolicyChange(request), isDryRun: request.isDryRun)
            rest = request.unknownFields
        }
        guard message.unknownFields.data.isEmpty, rest.data.isEmpty else {
            throw ProtocolError(.notSupported, "a field is not known to this version")
        }
    }

    /// Reads the schema's `Administration`; unknown fields are refused.
    ///
    /// - Throws: as ``init(decoding:)-(Span<UInt8>)``.
    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        try self.init(decoding: bytes.span)
    }
}

extension AdministrationAnswer {
    /// The schema's `AdministrationReply`.
    package func encode() -> [UInt8] {
        var message = Cadastre_V1_AdministrationReply()
        switch self {
        case .status(let status): message.reply = .status(status.message)
        case .members(let members, let leader):
            message.reply = .members(
                .with {
                    $0.members = members.map(\.message)
                    $0.leader = leader
                }
            )
        case .leadershipTransferred(let leader):
            message.reply = .leadershipTransferred(.with { $0.leader = leader })
        case .digest(let report):
            message.reply = .digest(
                .with {
                    $0.appliedIndex = report.appliedIndex
                    $0.kept = Data(report.kept)
                    $0.computed = Data(report.computed)
                    $0.rows = report.rows
                }
            )
        case .memberPlan(let plan):
            message.reply = .memberPlan(
                .with {
                    $0.before = plan.before.map(\.message)
                    $0.after = plan.after.map(\.message)
                    $0.isJoint = plan.isJoint
                }
            )
        case .policy(let policy): message.reply = .policy(policy.message)
        case .policyPlan(let plan):
            message.reply = .policyPlan(
                .with {
                    $0.before = plan.before.message
                    $0.after = plan.after.message
                }
            )
        }
        return serialized(message)
    }

    /// Reads the schema's `AdministrationReply`; unknown fields are skipped.
    ///
    /// - Throws: `tooLarge`, `malformed` or `unknownVerb`.
    package init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        let message: Cadastre_V1_AdministrationReply = try parsed(bytes, "the reply")
        switch message.reply {
        case nil:
            throw ProtocolError(.unknownVerb, "the reply is not known to this version")
        case .status(let status): self = .status(NodeStatus(status))
        case .members(let members):
            self = .members(members.members.map(MemberDescription.init), leader: members.leader)
        case .leadershipTransferred(let transferred):
            self = .leadershipTransferred(leader: transferred.leader)
        case .digest(let digest):
            self = .digest(
                DigestReport(
                    appliedIndex: digest.appliedIndex,
                    kept: Array(digest.kept),
                    computed: Array(digest.computed),
                    rows: digest.rows
                )
            )
        case .memberPlan(let plan):
            self = .memberPlan(
                MemberPlan(
                    before: plan.before.map(MemberDescription.init),
                    after: plan.after.map(MemberDescription.init),
                    isJoint: plan.isJoint
                )
            )
        case .policy(let policy): self = .policy(Policy(policy))
        case .policyPlan(let plan):
            self = .policyPlan(
                PolicyPlan(
                    before: Policy(plan.before),
                    after: Policy(plan.after)
                )
            )
        }
    }

    /// Reads the schema's `AdministrationReply`; unknown fields are skipped.
    ///
    /// - Throws: as ``init(decoding:)-(Span<UInt8>)``.
    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        try self.init(decoding: bytes.span)
    }
}

extension NodeStatus {
    fileprivate var message: Cadastre_V1_Status {
        .with {
            $0.node = node
            $0.cluster = cluster
            $0.role = role
            $0.term = term
            $0.leader = leader
            $0.commitIndex = commitIndex
            $0.appliedIndex = appliedIndex
            $0.lastIndex = lastIndex
            $0.persistedIndex = persistedIndex
            $0.clusterTimeMs = clusterTimeMilliseconds
            $0.site = site
            $0.version = version
            $0.featureLevel = featureLevel
            $0.uptimeMs = uptimeMilliseconds
            $0.residentBytes = residentBytes
            $0.cpuMs = cpuMilliseconds
            $0.journalBytes = journalBytes
            $0.fsyncs = fsyncs
            $0.entriesWritten = entriesWritten
            $0.commandsApplied = commandsApplied
            $0.objects = objects
            $0.peers = peers.map(\.message)
            $0.digest = Data(digest)
            if let own { $0.own = own.message }
            $0.snapshots = snapshots.message
        }
    }

    fileprivate init(_ message: Cadastre_V1_Status) {
        self.init()
        node = message.node
        cluster = message.cluster
        role = message.role
        term = message.term
        leader = message.leader
        commitIndex = message.commitIndex
        appliedIndex = message.appliedIndex
        lastIndex = message.lastIndex
        persistedIndex = message.persistedIndex
        clusterTimeMilliseconds = message.clusterTimeMs
        site = message.site
        version = message.version
        featureLevel = message.featureLevel
        uptimeMilliseconds = message.uptimeMs
        residentBytes = message.residentBytes
        cpuMilliseconds = message.cpuMs
        journalBytes = message.journalBytes
        fsyncs = message.fsyncs
        entriesWritten = message.entriesWritten
        commandsApplied = message.commandsApplied
        objects = message.objects
        peers = message.peers.map(PeerStatus.init)
        digest = Array(message.digest)
        own = message.hasOwn ? MemberDescription(message.own) : nil
        snapshots = SnapshotStatus(message.snapshots)
    }
}

extension SnapshotStatus {
    fileprivate var message: Cadastre_V1_SnapshotStatus {
        .with {
            $0.newestIndex = newestIndex
            $0.newestBytes = newestBytes
            $0.newestTimeMs = newestTimeMilliseconds
            $0.receivingBytes = receivingBytes
            $0.receivedBytes = receivedBytes
            $0.scrubbedBytes = scrubbedBytes
            $0.scrubs = scrubs
            $0.lastScrubMs = lastScrubMilliseconds
            $0.damagesFound = damagesFound
        }
    }

    fileprivate init(_ message: Cadastre_V1_SnapshotStatus) {
        self.init()
        newestIndex = message.newestIndex
        newestBytes = message.newestBytes
        newestTimeMilliseconds = message.newestTimeMs
        receivingBytes = message.receivingBytes
        receivedBytes = message.receivedBytes
        scrubbedBytes = message.scrubbedBytes
        scrubs = message.scrubs
        lastScrubMilliseconds = message.lastScrubMs
        damagesFound = message.damagesFound
    }
}

extension PeerStatus {
    fileprivate var message: Cadastre_V1_PeerStatus {
        .with {
            $0.node = node
            $0.matchIndex = matchIndex
            $0.nextIndex = nextIndex
            $0.state = state
            $0.isConnected = isConnected
        }
    }

    fileprivate init(_ message: Cadastre_V1_PeerStatus) {
        self.init(
            node: message.node,
            matchIndex: message.matchIndex,
            nextIndex: message.nextIndex,
            state: message.state,
            isConnected: message.isConnected
        )
    }
}

extension MemberChange {
    fileprivate func message(isDryRun: Bool) -> Cadastre_V1_ChangeMembers {
        .with {
            $0.isDryRun = isDryRun
            switch self {
            case .add(let member): $0.add = member.message
            case .rejoin(let member): $0.rejoin = member.message
            case .promote(let node): $0.promote = node
            case .demote(let node): $0.demote = node
            case .remove(let node): $0.remove = node
            case .replace(let node, let other):
                $0.replace = .with {
                    $0.member = node
                    $0.by = other
                }
            }
        }
    }

    /// - Throws: `unknownVerb`, `notSupported` or `invalidValue`.
    fileprivate init(_ message: Cadastre_V1_ChangeMembers) throws(ProtocolError) {
        var rest = UnknownStorage()
        switch message.change {
        case nil:
            throw ProtocolError(.unknownVerb, "the change of members is not known to this version")
        case .add(let member):
            self = .add(MemberDescription(member))
            rest = member.unknownFields
        case .rejoin(let member):
            self = .rejoin(MemberDescription(member))
            rest = member.unknownFields
        case .promote(let node): self = .promote(node)
        case .demote(let node): self = .demote(node)
        case .remove(let node): self = .remove(node)
        case .replace(let pair):
            self = .replace(pair.member, by: pair.by)
            rest = pair.unknownFields
        }
        guard rest.data.isEmpty else {
            throw ProtocolError(.notSupported, "a field is not known to this version")
        }
        try check()
    }
}

extension MemberDescription {
    fileprivate var message: Cadastre_V1_MemberDescription {
        .with {
            $0.node = node
            $0.role = role
            $0.site = site
            $0.peerAddress = peerAddress
            $0.clientAddress = clientAddress
            $0.administrationAddress = administrationAddress
            $0.incarnation = incarnation
        }
    }

    fileprivate init(_ message: Cadastre_V1_MemberDescription) {
        self.init(
            node: message.node,
            role: message.role,
            site: message.site,
            peerAddress: message.peerAddress,
            clientAddress: message.clientAddress,
            administrationAddress: message.administrationAddress,
            incarnation: message.incarnation
        )
    }
}

private func serialized(_ message: some SwiftProtobuf.Message) -> [UInt8] {
    do {
        return try message.serializedBytes()
    } catch {
        // Only required fields and `Any` can fail, and the schema has neither.
        preconditionFailure("the schema has nothing that cannot be serialized: \(error)")
    }
}

private func parsed<Content: SwiftProtobuf.Message>(
    _ bytes: Span<UInt8>,
    _ what: StaticString
) throws(ProtocolError) -> Content {
    guard bytes.count <= ProtocolLimits.maximumAdministrationSize else {
        throw .outOfBounds(
            .tooLarge,
            what,
            bytes.count,
            0...ProtocolLimits.maximumAdministrationSize
        )
    }
    do {
        return try Content(serializedBytes: bytes.copy(0..<bytes.count))
    } catch {
        throw .malformed("\(what) is no protobuf message of the schema")
    }
}

import CadastreProtocol
import RaftCore

/// One value of everything that travels, small enough to be cut and flipped everywhere.
///
/// A new case without a sample does not compile.
enum Samples {
    static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    static let put = PutObject(
        bucket: bytes("archives-nationales"),
        key: bytes("fonds/1789/cahier-é.pdf"),
        size: 1_048_577,
        etag: bytes("9e107d9d372bb6826bd81d3542a419d6"),
        checksum: Checksum(algorithm: .crc32c, value: [0xDE, 0xAD, 0xBE, 0xEF]),
        contentType: bytes("application/pdf"),
        metadata: [
            Attribute(name: bytes("langue"), value: bytes("fr")),
            Attribute(name: bytes("page"), value: []),
        ],
        tags: [Attribute(name: bytes("classe"), value: bytes("froid"))],
        locations: [0, 1, 2, 0xFF],
        precondition: .ifMatch([bytes("a"), []]),
        modifiedMilliseconds: 0
    )

    static func command(_ tag: CommandTag) -> Command {
        let name = bytes("musee-d.orsay_1")
        return switch tag {
        case .createTenant:
            .createTenant(CreateTenant(name: name, quota: Quota(bytes: 1 << 40, objects: 0)))
        case .updateTenant: .updateTenant(UpdateTenant(name: name, quota: Quota()))
        case .setTenantStatus: .setTenantStatus(SetTenantStatus(name: name, status: .suspended))
        case .deleteTenant: .deleteTenant(DeleteTenant(name: name))
        case .grantService: .grantService(GrantService(tenant: name, service: bytes("s3")))
        case .revokeService: .revokeService(RevokeService(tenant: name, service: bytes("s3")))
        case .createBucket: .createBucket(CreateBucket(name: bytes("photos.2026")))
        case .deleteBucket: .deleteBucket(DeleteBucket(name: bytes("photos.2026")))
        case .putObject: .putObject(put)
        case .deleteObject:
            .deleteObject(
                DeleteObject(bucket: put.bucket, key: put.key, precondition: .ifPresent)
            )
        case .batch:
            .batch(
                Batch([
                    .put(put),
                    .delete(DeleteObject(bucket: bytes("photos.2025"), key: [0xFF])),
                ])
            )
        case .openSession: .openSession(OpenSession(slots: 64))
        case .expireSession: .expireSession(ExpireSession(session: 300))
        case .tick:
            .tick(
                Tick(samples: [
                    ClockSample(node: 1, wallMilliseconds: 1_767_225_600_000),
                    ClockSample(node: 2, wallMilliseconds: 1_767_225_600_007),
                ])
            )
        }
    }

    /// Every kind of principal and identity in turn.
    static func envelope(_ tag: CommandTag) -> CommandEnvelope {
        let principals: [Principal] = [
            .operator(name: bytes("exploitation")), .service(name: bytes("s3")),
            .tenant(tenant: bytes("louvre"), name: bytes("archiviste")), .node(3),
        ]
        let identities: [RequestIdentity] = [
            .slot(session: 7, slot: 5, sequence: 99),
            .token(0x0102_0304, 0x0506_0708, hash: Array(0..<32)), .none,
        ]
        let number = Int(tag.rawValue)
        return CommandEnvelope(
            principal: principals[number % principals.count],
            tenant: TenantID(UInt64(number % 3)),
            rangeEpoch: 11,
            bucketEpoch: 12,
            identity: identities[number % identities.count],
            command: command(tag)
        )
    }

    static let messageBodies: [(name: String, body: MessageBody)] = {
        let position = LogPosition(index: LogIndex(1_000), term: Term(7))
        return [
            (
                "requestVote",
                .requestVote(
                    RequestVote(purpose: .election, last: position, leaderIsGone: true)
                )
            ),
            (
                "requestVoteReply",
                .requestVoteReply(RequestVoteReply(purpose: .preVote, isGranted: true))
            ),
            (
                "appendEntries",
                .appendEntries(
                    AppendEntries(
                        previous: position,
                        previousHash: EntryHash(1, 2, 3, 4),
                        entries: [],
                        commitIndex: LogIndex(999)
                    )
                )
            ),
            (
                "appendEntriesReply.accepted",
                .appendEntriesReply(AppendEntriesReply(outcome: .accepted(match: LogIndex(1_001))))
            ),
            (
                "appendEntriesReply.rejected",
                .appendEntriesReply(
                    AppendEntriesReply(
                        outcome: .rejected(previous: LogIndex(1_000), hint: position)
                    )
                )
            ),
            ("heartbeat", .heartbeat(Heartbeat(commitIndex: LogIndex(5), readRound: 6))),
            ("heartbeatReply", .heartbeatReply(HeartbeatReply(readRound: 6))),
            ("timeoutNow", .timeoutNow(TimeoutNow())),
            ("readIndex", .readIndex(ReadIndex(round: 7))),
            ("readIndexReply", .readIndexReply(ReadIndexReply(round: 7, index: LogIndex(5)))),
            ("heldByAll", .heldByAll(HeldByAll(through: LogIndex(5)))),
        ]
    }()

    static func peer(_ body: MessageBody) -> PeerMessage {
        var entries: [[UInt8]] = []
        if case .appendEntries = body { entries = [[1, 2, 3], [0xFF]] }
        return PeerMessage(
            message: Message(
                group: GroupID(2),
                from: NodeID(1),
                to: NodeID(3),
                term: Term(8),
                body: body
            ),
            wallMilliseconds: 1_767_225_600_000,
            entries: entries
        )
    }

    static let greeting = Greeting(
        cluster: ClusterID(high: 0x1122_3344_5566_7788, low: 0x99AA_BBCC_DDEE_FF00),
        node: NodeID(2),
        incarnation: Incarnation(high: 1, low: 2),
        purpose: .consensus
    )

    static func query(_ tag: QueryTag) -> Query {
        var generator = Generator(seed: UInt64(tag.rawValue))
        return generator.query(tag)
    }

    static func answer(_ tag: QueryTag) -> Answer {
        var generator = Generator(seed: UInt64(tag.rawValue))
        return generator.answer(tag)
    }

    static let administrationRequests: [AdministrationRequest] = [
        .status, .members, .transferLeadership(to: nil), .transferLeadership(to: 3),
        .computeDigest(atLeastIndex: 17),
        .changeMembers(.add(member), isDryRun: true),
        .changeMembers(.rejoin(member), isDryRun: false),
        .changeMembers(.promote(4), isDryRun: false), .changeMembers(.demote(4), isDryRun: true),
        .changeMembers(.remove(4), isDryRun: false),
        .changeMembers(.replace(3, by: 6), isDryRun: false),
        .policy, .setPolicy(PolicyChange(from: Policy(), to: policy), isDryRun: true),
        .setPolicy(PolicyChange(from: policy, to: Policy()), isDryRun: false),
    ]

    static let policy = Policy(
        allowedCountries: ["be", "fr"],
        preferredLeaders: ["fr/paris/p/o", "fr"],
        survivesOneSite: true
    )

    static let member = MemberDescription(
        node: 4,
        role: "learner",
        site: "fr/marseille/a/b",
        peerAddress: "127.0.0.1:1",
        clientAddress: "127.0.0.1:2",
        administrationAddress: "127.0.0.1:3",
        incarnation: "0123456789abcdef0000000000000001"
    )

    static let administrationAnswers: [AdministrationAnswer] = {
        var status = NodeStatus()
        status.node = 1
        status.cluster = "c0ffee"
        status.role = "leader"
        status.site = "fr/lyon/a/b"
        status.objects = 60_000
        status.digest = [1, 2, 3]
        status.own = Self.member
        status.snapshots.newestIndex = 41
        status.snapshots.newestBytes = 42
        status.snapshots.newestTimeMilliseconds = 43
        status.snapshots.receivingBytes = 44
        status.snapshots.receivedBytes = 45
        status.snapshots.scrubbedBytes = 46
        status.snapshots.scrubs = 47
        status.snapshots.lastScrubMilliseconds = 48
        status.snapshots.damagesFound = 49
        status.peers = [
            PeerStatus(
                node: 2,
                matchIndex: 5,
                nextIndex: 6,
                state: "replicating",
                isConnected: true
            )
        ]
        let member = MemberDescription(
            node: 1,
            role: "voter",
            site: "fr/lyon/a/b",
            peerAddress: "127.0.0.1:1",
            clientAddress: "127.0.0.1:2",
            administrationAddress: "127.0.0.1:3"
        )
        return [
            .status(status), .members([member], leader: 1), .leadershipTransferred(leader: 2),
            .digest(DigestReport(appliedIndex: 9, kept: [1], computed: [1], rows: 4)),
            .memberPlan(
                MemberPlan(before: [member], after: [member, Self.member], isJoint: true)
            ),
            .policy(policy), .policyPlan(PolicyPlan(before: Policy(), after: policy)),
        ]
    }()

    static var requests: [RequestMessage] {
        let commands = CommandTag.allCases.map { RequestContent.command(command($0)) }
        let queries = QueryTag.allCases.map { RequestContent.query(query($0)) }
        let administration = administrationRequests.map(RequestContent.administration)
        let consistencies: [Consistency] = [
            .linearizable, .atLeast(index: 9), .bounded(milliseconds: 100), .any,
        ]
        return (commands + queries + administration).enumerated().map { number, content in
            RequestMessage(
                consistency: consistencies[number % 4],
                identity: envelope(CommandTag.allCases[number % 3]).identity,
                tenant: number % 2 == 0 ? bytes("louvre") : nil,
                deadlineMilliseconds: UInt32(number),
                rangeEpoch: 3,
                bucketEpoch: 4,
                content: content
            )
        }
    }

    static var replies: [ReplyMessage] {
        let answers = QueryTag.allCases.map { ReplyOutcome.done(.query(answer($0))) }
        let administration = administrationAnswers.map { ReplyOutcome.done(.administration($0)) }
        let others: [ReplyOutcome] = [
            .done(.command(.done(number: 5, sequence: 6))),
            .refused(.notLeader, retryAfterMilliseconds: 25), .unknown,
        ]
        return (others + answers + administration).enumerated().map { number, outcome in
            ReplyMessage(
                outcome: outcome,
                appliedIndex: UInt64(number),
                leader: number % 2 == 1 ? LeaderHint(node: 2, address: "127.0.0.1:7000") : nil,
                detail: number % 3 == 1 ? "Élection en cours." : ""
            )
        }
    }
}

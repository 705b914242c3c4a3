import CadastreProtocol
import Testing

@Suite
struct RefusalTests {
    /// Numbers are in stored replies and in other people's programs: they never change.
    private static let numbers: [(Refusal, UInt16)] = [
        (.notLeader, 1), (.overloaded, 2), (.notReady, 3), (.shuttingDown, 4),
        (.deadlinePassed, 5), (.diskFull, 6),
        (.malformed, 20), (.unknownVerb, 21), (.tooLarge, 22), (.notSupported, 23),
        (.invalidName, 24), (.invalidKey, 25), (.invalidValue, 26),
        (.notPermitted, 40),
        (.tenantExists, 60), (.noSuchTenant, 61), (.tenantNotEmpty, 62),
        (.tenantSuspended, 63), (.bucketExists, 64), (.bucketOwnedByYou, 65),
        (.noSuchBucket, 66), (.bucketNotEmpty, 67), (.noSuchObject, 68),
        (.preconditionFailed, 69), (.quotaExceeded, 70), (.tooManyBuckets, 71),
        (.tooManyTenants, 72), (.tooManyGrants, 73),
        (.noSuchSession, 80), (.slotOutOfRange, 81), (.sequenceOutOfOrder, 82),
        (.requestReused, 83), (.tooManySessions, 84),
        (.clockRefused, 90), (.staleBucketEpoch, 91), (.staleRangeEpoch, 92),
        (.transferFailed, 100), (.notAVoter, 101),
        (.membersChanging, 110), (.tooManyMembers, 111), (.memberExists, 112),
        (.noSuchMember, 113), (.addressTaken, 114), (.noVoterLeft, 115), (.mustBeLearner, 116),
        (.notCaughtUp, 117), (.quorumUnreachable, 118),
        (.countryNotAllowed, 120), (.spreadBroken, 121), (.policyChanged, 122),
        (.notForWitness, 125),
    ]

    @Test
    func `numbers are frozen`() {
        #expect(Refusal.allCases == Self.numbers.map(\.0))
        #expect(Refusal.allCases.map(\.rawValue) == Self.numbers.map(\.1))
        #expect(Set(Refusal.allCases.map(\.rawValue)).count == Refusal.allCases.count)
        #expect(Refusal(rawValue: 0) == nil)
    }

    @Test
    func `each refusal has a name and a sentence of advice`() {
        #expect(Refusal.notLeader.name == "notLeader")
        #expect(Set(Refusal.allCases.map(\.name)).count == Refusal.allCases.count)
        for refusal in Refusal.allCases {
            #expect(refusal.advice.hasSuffix("."), "\(refusal)")
            #expect(refusal.advice.count <= 100, "\(refusal)")
        }
    }

    @Test
    func `what was not judged is not stored`() {
        let unstored: Set<Refusal> = [
            .notLeader, .overloaded, .notReady, .shuttingDown, .deadlinePassed, .diskFull,
            .noSuchSession, .slotOutOfRange, .sequenceOutOfOrder, .requestReused,
            .tooManySessions, .clockRefused, .staleBucketEpoch, .staleRangeEpoch,
            .transferFailed, .notAVoter, .membersChanging, .tooManyMembers, .memberExists,
            .noSuchMember, .addressTaken, .noVoterLeft, .mustBeLearner, .notCaughtUp,
            .quorumUnreachable, .countryNotAllowed, .spreadBroken, .policyChanged,
            .notForWitness,
        ]
        #expect(Set(Refusal.allCases.filter { !$0.isStored }) == unstored)
        for refusal in Refusal.allCases where refusal.isRetryable {
            #expect(!refusal.isStored, "a retry of \(refusal) would get it again")
        }
    }

    @Test
    func `tags are frozen`() {
        #expect(CommandTag.allCases.map(\.rawValue) == Array(1...14))
        #expect(QueryTag.allCases.map(\.rawValue) == Array(1...8))
        #expect(FrameKind.allCases.map(\.rawValue) == [1, 2, 3, 16, 17, 18])
        #expect(Checksum.Algorithm.allCases.map(\.rawValue) == [1, 2, 3, 4])
        for tag in CommandTag.allCases {
            #expect((1...FeatureLevel.current).contains(tag.neededFeatureLevel))
        }
    }
}

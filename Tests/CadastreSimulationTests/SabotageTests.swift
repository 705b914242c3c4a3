import CadastreSimulation
import TestLanes
import Testing

/// Each bug planted between the product's stages is found, by the checker that is for it, within a
/// few seeds: else that checker looks at nothing.
@Suite(.heavy)
struct SabotageTests {
    /// Who finds what.
    static func rules(for sabotage: Sabotage) -> Set<Violation.Rule> {
        switch sabotage {
        case .reportBeforeSync: [.persistBeforeSend]
        case .readWithoutIndex: [.linearizability, .monotonicProgress]
        case .wrongAnswer: [.linearizability]
        case .foreignAnswer: [.tenantIsolation]
        case .wrongReply, .secondAnswer, .refusedProposal, .doubledCommand: [.acknowledgedWrites]
        case .lostAnswer: [.liveness]
        case .lostSegment, .lostBlocks, .rottenJournal, .tornSnapshot: [.recovery]
        case .skippedCommands, .applyBeforeCommit: [.stateMachineSafety]
        case .unseenDivergence: [.unexpectedStop]
        case .silentDisk, .unmendedLinks: [.liveness, .availability]
        case .lonelyClock, .stillClocks: [.clusterTime]
        }
    }

    /// Worlds that a bug may survive.
    private static let patience: UInt64 = 24

    @Test(arguments: Sabotage.allCases)
    func `a planted bug is found`(_ sabotage: Sabotage) {
        for seed: UInt64 in 1...Self.patience {
            do throws(Violation) {
                _ = try Seeds.run(seed, sabotage: sabotage)
            } catch {
                #expect(Self.rules(for: sabotage).contains(error.rule), "\(error)")
                #expect(!error.what.contains("not reproducible"), "\(error.what)")
                return
            }
        }
        Issue.record("\(sabotage.rawValue) survived \(Self.patience) worlds")
    }
}

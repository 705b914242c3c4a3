package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"sort"
	"strings"
	"text/tabwriter"
)

// target is what a ratio to a system should be: at least, or for what should be small at most.
type target struct {
	against     string
	floor, goal float64 // zero is none
}

// figure is one line of the table.
type figure struct {
	row, metric, words string
	isSmallBetter      bool
	targets            []target
}

// The figures, in the order of the table. What they should reach is from the issue that asked for them.
var figures = []figure{
	{"put-sequential-64", "per_second", "puts/s", false, []target{{"etcd", 6, 10}}},
	{"put-sequential-64", "p99_ms", "p99 ms", true, []target{{"etcd", 0, 1.0 / 5}}},
	{"put-hot-64", "per_second", "puts/s", false, []target{{"etcd", 6, 10}}},
	{"put-hot-64", "p99_ms", "p99 ms", true, []target{{"etcd", 0, 1.0 / 5}}},
	{"put-random-64", "per_second", "puts/s", false, []target{{"etcd", 4, 10}, {"zookeeper", 1.2, 3}}},
	{"put-random-64", "p99_ms", "p99 ms", true, []target{{"etcd", 0, 1.0 / 3}, {"zookeeper", 0, 1.0 / 2}}},
	{"put-random-256", "per_second", "puts/s", false, []target{{"etcd", 4, 10}, {"zookeeper", 1.2, 3}}},
	{"put-random-256", "p99_ms", "p99 ms", true, []target{{"zookeeper", 0, 1.0 / 2}}},
	{"put-random-256", "cpu_ms_per_1000", "server CPU ms per 1,000", true,
		[]target{{"etcd", 1.0 / 4, 0}, {"zookeeper", 0, 1.0 / 2}}},
	{"put-random-1000", "per_second", "puts/s", false, []target{{"etcd", 4, 10}, {"zookeeper", 1.2, 3}}},
	{"put-random-1000", "p99_ms", "p99 ms", true, []target{{"zookeeper", 0, 1.0 / 2}}},
	{"put-one", "p50_ms", "p50 ms", true, []target{{"etcd", 0.6, 0.4}}},
	{"get-64", "per_second", "reads/s", false, []target{{"etcd", 8, 15}, {"zookeeper", 1.5, 3}}},
	{"get-64", "p99_ms", "p99 ms", true, nil},
	{"get-256", "per_second", "reads/s", false, []target{{"etcd", 8, 15}, {"zookeeper", 1.5, 3}}},
	{"get-256", "p99_ms", "p99 ms", true, nil},
	{"list-1000", "per_second", "lists/s", false, []target{{"etcd", 4, 8}, {"postgresql", 2, 4}}},
	{"batch-100", "per_second", "records/s", false, []target{{"etcd", 2, 4}, {"postgresql", 0, 1}}},
	{"memory", "resident_mb", "resident MB a node", true, []target{{"etcd", 1.0 / 2, 1.0 / 4}}},
	{"failover", "p50_ms", "p50 ms", true, nil},
	{"failover", "p99_ms", "p99 ms", true, nil},
	{"growth-in-order", "per_second", "puts/s", false, []target{{"small", 0.6, 0.9}}},
	{"growth-random", "per_second", "puts/s", false, []target{{"small", 0.25, 0.5}}},
	{"growth-memory", "resident_mb", "resident MB a node", true, nil},
}

// Cadastre's failover is held against the clock.
var absolutes = map[string]target{
	"failover p50_ms": {"", 500, 200},
	"failover p99_ms": {"", 1000, 0},
}

// Said below the table where it has such a row.
var remarks = map[string]string{
	"list-1000": "list-1000: ZooKeeper lists names alone, the others what belongs to them too.",
	"get-64":    "get: of ZooKeeper sync and getData, of the others a linearizable read.",
	"failover":  "failover: longest time between two acknowledged writes around kill -9 of the leader, 64 clients.",
	"memory":    "memory: the mean over the nodes, after 100,000 objects were put once.",
}

// line is one measurement as `compare` writes it down.
type line struct {
	Row    string                 `json:"row"`
	System string                 `json:"system"`
	Round  int                    `json:"round"`
	Result map[string]interface{} `json:"result"`
	NotRun string                 `json:"not_run"`
}

// samples are a metric's values in the order they were measured.
type samples map[string][]float64

func (s samples) median(metric string) (float64, bool) {
	// Over few kills the p99 is the longest.
	if metric == "p50_ms" && len(s["gap_ms"]) > 0 {
		return percentile(s["gap_ms"], 0.5), true
	}
	if metric == "p99_ms" && len(s["gap_ms"]) > 0 {
		return percentile(s["gap_ms"], 0.99), true
	}
	if len(s[metric]) == 0 {
		return 0, false
	}
	return percentile(s[metric], 0.5), true
}

func percentile(values []float64, share float64) float64 {
	sorted := append([]float64{}, values...)
	sort.Float64s(sorted)
	if count := len(sorted); share == 0.5 && count%2 == 0 {
		return (sorted[count/2-1] + sorted[count/2]) / 2
	}
	place := int(math.Ceil(share*float64(len(sorted)))) - 1
	if place < 0 {
		place = 0
	}
	return sorted[place]
}

// The names that the reports of loads have for a metric.
var names = map[string][]string{
	"per_second":             {"operations_per_second"},
	"p50_ms":                 {"p50_ms"},
	"p99_ms":                 {"p99_ms"},
	"p999_ms":                {"p999_ms"},
	"cpu_ms_per_1000":        {"cpu_ms_per_1000_operations"},
	"client_cpu_ms_per_1000": {"client_cpu_ms_per_1000_operations"},
	"gap_ms":                 {"gap_ms", "longest_gap_ms"},
}

func (s samples) add(row string, result map[string]interface{}) {
	for metric, found := range names {
		// A load without a kill has gaps too, but they say nothing.
		// Nor do the rates of one with a kill.
		if (metric == "gap_ms") != (row == "failover") {
			continue
		}
		if metric == "per_second" && row == "batch-100" {
			found = []string{"records_per_second"}
		}
		for _, name := range found {
			if value, ok := result[name].(float64); ok {
				s[metric] = append(s[metric], value)
				break
			}
		}
	}
	// Cadastre's load is measured from outside, its warm-up too.
	spent, _ := result["client_cpu_seconds"].(float64)
	rate, _ := result["operations_per_second"].(float64)
	if whole, _ := result["client_seconds"].(float64); spent*rate*whole > 0 && row != "failover" {
		s["client_cpu_ms_per_1000"] = append(s["client_cpu_ms_per_1000"], spent/(rate*whole)*1e6)
	}
	if nodes, ok := result["resident_mb"].([]interface{}); ok && len(nodes) > 0 {
		sum := 0.0
		for _, node := range nodes {
			value, _ := node.(float64)
			sum += value
			s["resident_mb_nodes"] = append(s["resident_mb_nodes"], value)
		}
		s["resident_mb"] = append(s["resident_mb"], rounded(sum/float64(len(nodes))))
	}
	failed := 0.0
	for _, name := range []string{"failed", "refused", "unknown"} {
		value, _ := result[name].(float64)
		failed += value
	}
	s["failed"] = append(s["failed"], failed)
}

func readLines() (map[string]map[string]samples, map[string]map[string]string, map[string]interface{}) {
	found, notRun := map[string]map[string]samples{}, map[string]map[string]string{}
	idle := map[string]interface{}{}
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<20)
	for input.Scan() {
		var one line
		if err := json.Unmarshal(input.Bytes(), &one); err != nil {
			fmt.Fprintln(os.Stderr, "kvload: this is no measurement:", input.Text())
			continue
		}
		switch {
		case one.Row == "idle":
			idle[one.System] = one.Result["cores"]
		case one.NotRun != "":
			if notRun[one.Row] == nil {
				notRun[one.Row] = map[string]string{}
			}
			notRun[one.Row][one.System] = one.NotRun
		default:
			if found[one.Row] == nil {
				found[one.Row] = map[string]samples{}
			}
			if found[one.Row][one.System] == nil {
				found[one.Row][one.System] = samples{}
			}
			found[one.Row][one.System].add(one.Row, one.Result)
		}
	}
	return found, notRun, idle
}

// verdict says what of a target is reached: goal, floor, or neither; "" where nothing is asked.
func verdict(value float64, t target, isSmallBetter bool) string {
	reaches := func(limit float64) bool {
		return limit != 0 && (isSmallBetter && value <= limit || !isSmallBetter && value >= limit)
	}
	switch {
	case reaches(t.goal):
		return "goal"
	case reaches(t.floor):
		return "floor"
	case t.floor != 0:
		return "below the floor"
	}
	return "not the goal"
}

func readable(value float64) string {
	if value >= 1000 {
		digits := fmt.Sprintf("%.0f", value)
		for place := len(digits) - 3; place > 0; place -= 3 {
			digits = digits[:place] + "," + digits[place:]
		}
		return digits
	}
	if value >= 100 {
		return fmt.Sprintf("%.0f", value)
	}
	return fmt.Sprintf("%.3g", value)
}

// lines of a table, the first its head.
type lines [][]string

func newTable(head string) lines { return lines{strings.Split(head, "\t")} }

func (l lines) print() { // unless there is a head alone
	if len(l) == 1 {
		return
	}
	text := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for _, cells := range l {
		fmt.Fprintln(text, strings.Join(cells, "\t"))
	}
	text.Flush()
	fmt.Println()
}

// ours is whose figure stands above in the ratio of a row, against whose stand below.
func ours(row string) string {
	if strings.HasPrefix(row, "growth") {
		return "large"
	}
	return "cadastre"
}

func against(row string) []string {
	if strings.HasPrefix(row, "growth") {
		return []string{"small"}
	}
	return []string{"etcd", "zookeeper", "postgresql"}
}

// beside is how many cells of a line are of Cadastre, etcd and ZooKeeper.
const beside = 3 + 2*4

// table prints what was measured for people, and with isJSON a last line for programs.
func table(metaPath string, isJSON bool) {
	found, notRun, idle := readLines()
	text := newTable("row\tfigure\tCadastre\tetcd\tratio\t(floor, goal)\t\tZooKeeper\tratio\t(floor, goal)\t")
	postgresql := newTable("row\tfigure\tCadastre\tPostgreSQL\tratio\t(floor, goal)\t")
	growth := newTable("row\tfigure\tlarge\tsmall\tratio\t(floor, goal)\t")
	rows, order := map[string]map[string]interface{}{}, []string{}
	said := []string{}
	for _, f := range figures {
		if found[f.row] == nil && notRun[f.row] == nil {
			continue
		}
		row := rows[f.row]
		if row == nil {
			row = map[string]interface{}{"row": f.row, "ratios": []interface{}{}}
			rows[f.row] = row
			order = append(order, f.row)
			for system, values := range found[f.row] {
				row[system] = summary(values)
			}
			if notRun[f.row] != nil {
				row["not_run"] = notRun[f.row]
			}
			if remarks[f.row] != "" {
				said = append(said, remarks[f.row])
			}
		}
		own, isOurs := found[f.row][ours(f.row)].median(f.metric)
		cells := []string{f.row, f.words, "not run"}
		if isOurs {
			cells[2] = readable(own)
		}
		if absolute, ok := absolutes[f.row+" "+f.metric]; ok && isOurs {
			met := verdict(own, absolute, true)
			said = append(said, fmt.Sprintf("%s: %s of Cadastre against the clock, floor %v, goal %s: %s",
				f.row, f.words, absolute.floor, orNone(absolute.goal), met))
			row["ratios"] = append(row["ratios"].([]interface{}), map[string]interface{}{
				"metric": f.metric, "cadastre": own, "floor": absolute.floor, "goal": nullable(absolute.goal),
				"reaches": met})
		}
		for _, system := range against(f.row) {
			their, isTheirs := found[f.row][system].median(f.metric)
			if !isTheirs {
				word := "–"
				if notRun[f.row][system] != "" {
					word = "not run"
				}
				cells = append(cells, word, "", "", "")
				continue
			}
			if !isOurs || their == 0 {
				cells = append(cells, readable(their), "", "", "")
				continue
			}
			entry := map[string]interface{}{"metric": f.metric, "against": system, ours(f.row): rounded(own),
				system: rounded(their), "ratio": rounded(own / their)}
			asked, met := "", ""
			for _, t := range f.targets {
				if t.against == system {
					asked = fmt.Sprintf("(%s, %s)", orNone(t.floor), orNone(t.goal))
					met = verdict(own/their, t, f.isSmallBetter)
					entry["floor"], entry["goal"], entry["reaches"] = nullable(t.floor), nullable(t.goal), met
				}
			}
			row["ratios"] = append(row["ratios"].([]interface{}), entry)
			cells = append(cells, readable(their), fmt.Sprintf("%.2f", own/their), asked, met)
		}
		if strings.HasPrefix(f.row, "growth") {
			growth = append(growth, cells)
		} else {
			text = append(text, cells[:beside])
			if found[f.row]["postgresql"] != nil || notRun[f.row]["postgresql"] != "" {
				postgresql = append(postgresql, append(cells[:3:3], cells[beside:]...))
			}
		}
	}
	text.print()
	postgresql.print()
	growth.print()
	for _, remark := range said {
		fmt.Println(remark)
	}
	for _, name := range order {
		for _, system := range []string{"cadastre", "etcd", "zookeeper", "postgresql", "small", "large"} {
			if reason := notRun[name][system]; reason != "" {
				fmt.Printf("%s: not run on %s: %s\n", name, system, reason)
			}
			if values := found[name][system]; values != nil {
				if sum := total(values["failed"]); sum > 0 && name != "failover" {
					fmt.Printf("%s: %.0f requests to %s failed\n", name, sum, system)
				}
			}
		}
	}
	if !isJSON {
		return
	}
	meta := map[string]interface{}{}
	if bytes, err := os.ReadFile(metaPath); err != nil || json.Unmarshal(bytes, &meta) != nil {
		fmt.Fprintln(os.Stderr, "kvload: what was compared is not known:", metaPath)
	}
	list := []interface{}{}
	for _, name := range order {
		list = append(list, rows[name])
	}
	meta["rows"] = list
	if len(idle) > 0 {
		meta["idle_cores"] = idle
	}
	print(meta)
}

// summary has the medians of a system in a row, and the rates of all rounds.
func summary(values samples) map[string]interface{} {
	result := map[string]interface{}{}
	for metric := range values {
		if middle, ok := values.median(metric); ok {
			result[metric] = rounded(middle)
		}
	}
	if gaps := values["gap_ms"]; len(gaps) > 0 {
		result["p50_ms"], result["p99_ms"], result["gaps_ms"] = percentile(gaps, 0.5), percentile(gaps, 0.99), gaps
		delete(result, "gap_ms")
	}
	if len(values["per_second"]) > 0 {
		result["per_second_all"] = values["per_second"]
	}
	if len(values["resident_mb_nodes"]) > 0 {
		result["resident_mb_nodes"] = values["resident_mb_nodes"]
	}
	result["failed"] = total(values["failed"])
	return result
}

func total(values []float64) (sum float64) {
	for _, value := range values {
		sum += value
	}
	return sum
}

func orNone(value float64) string {
	if value == 0 {
		return "–"
	}
	return fmt.Sprintf("%.3g", value)
}

func nullable(value float64) interface{} {
	if value == 0 {
		return nil
	}
	return rounded(value)
}

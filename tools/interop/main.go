// A second opinion from Go's own transparency-log library: does it read our notes, proofs and tiles?
//
//	interop FOLDER VKEY [ENTRY...]
//
// FOLDER is a log's public folder (tlog-tiles); each ENTRY is an index whose record is read and proven.
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	log.SetFlags(0)
	read := func(path string) []byte {
		data, err := os.ReadFile(filepath.Join(os.Args[1], path))
		must(err)
		return data
	}
	verifier, err := note.NewVerifier(os.Args[2])
	must(err)
	signed, err := note.Open(read("checkpoint"), note.VerifierList(verifier))
	must(err)
	lines := bytes.SplitN([]byte(signed.Text), []byte("\n"), 4)
	size, err := strconv.ParseInt(string(lines[1]), 10, 64)
	must(err)
	root, err := tlog.ParseHash(string(lines[2]))
	must(err)
	tree := tlog.Tree{N: size, Hash: root}
	// The reader checks every tile against the tree's root before it is used.
	hashes := tlog.TileHashReader(tree, tiles{read})
	for _, word := range os.Args[3:] {
		index, err := strconv.ParseInt(word, 10, 64)
		must(err)
		proof, err := tlog.ProveRecord(size, index, hashes)
		must(err)
		must(tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(entry(read, index, size))))
		if index > 0 {
			grown, err := tlog.ProveTree(size, index, hashes)
			must(err)
			old, err := tlog.TreeHash(index, hashes)
			must(err)
			must(tlog.CheckTree(grown, size, root, index, old))
		}
	}
	fmt.Printf("%s %d %s %d proven\n", lines[0], size, root, len(os.Args)-3)
}

func entry(read func(string) []byte, index, size int64) []byte {
	path := "tile/entries/" + number(index/256)
	if size/256 == index/256 {
		path += fmt.Sprintf(".p/%d", size%256)
	}
	data := read(path)
	for skip := index % 256; ; skip-- {
		length := int(data[0])<<8 | int(data[1])
		if skip == 0 {
			return data[2 : 2+length]
		}
		data = data[2+length:]
	}
}

func number(n int64) string {
	text := fmt.Sprintf("%03d", n%1000)
	for n /= 1000; n > 0; n /= 1000 {
		text = fmt.Sprintf("x%03d/%s", n%1000, text)
	}
	return text
}

type tiles struct{ read func(string) []byte }

func (tiles) Height() int                     { return 8 }
func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, each := range wanted {
		path := fmt.Sprintf("tile/%d/%s", each.L, number(each.N))
		if each.W < 256 {
			path += fmt.Sprintf(".p/%d", each.W)
		}
		found = append(found, t.read(path))
	}
	return found, nil
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

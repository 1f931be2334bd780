-- A paragraph that holds no figure is what the speaker says, not what the slide shows.
function Pandoc(document)
  for index, block in ipairs(document.blocks) do
    if block.t == "Para" then
      local figure = false
      block:walk({ Image = function() figure = true end })
      if not figure then
        document.blocks[index] = pandoc.Div(block, pandoc.Attr("", { "notes" }, { role = "note" }))
      end
    end
  end
  return document
end
